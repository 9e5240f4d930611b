-- Give a turn back before it ends, if it is still ours.
-- ARGV: name, token of the holder
-- Reply: 1, or 0 when another process has it
if redis.call('HGET', TURNS, ARGV[1] .. ':token') ~= ARGV[2] then
  return 0
end
return redis.call('HDEL', TURNS, ARGV[1] .. ':until', ARGV[1] .. ':token')
