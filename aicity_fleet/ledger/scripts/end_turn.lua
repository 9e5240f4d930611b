-- Give a turn back before its time, if it is still ours.
-- ARGV: name, token of the taker
-- Reply: 1, or 0 when it went to another
local turns = PREFIX .. 'turns'
if redis.call('HGET', turns, ARGV[1] .. ':token') ~= ARGV[2] then
  return 0
end
return redis.call('HDEL', turns, ARGV[1] .. ':until', ARGV[1] .. ':token')
