-- Give a turn back before it ends, if it is still ours.
-- ARGV: name, token of the holder
-- Reply: 1, or 2 when another process wanted it meanwhile; 0 when another process has it
if redis.call('HGET', TURNS, ARGV[1] .. ':token') ~= ARGV[2] then
  return 0
end
local wanted = redis.call('HEXISTS', TURNS, ARGV[1] .. ':wanted')
redis.call('HDEL', TURNS, ARGV[1] .. ':until', ARGV[1] .. ':token', ARGV[1] .. ':wanted')
return 1 + wanted
