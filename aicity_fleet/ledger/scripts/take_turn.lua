-- Take the right to do something that one process does at a time, for so long; or prolong it.
-- ARGV: name, token of the taker ('' for one that never prolongs it), ms
-- Reply: 1, or 0 while another has it
local turns = PREFIX .. 'turns'
local held_until = tonumber(redis.call('HGET', turns, ARGV[1] .. ':until') or '0')
local is_ours = ARGV[2] ~= '' and redis.call('HGET', turns, ARGV[1] .. ':token') == ARGV[2]
if held_until > NOW and not is_ours then
  return 0
end
redis.call('HSET', turns, ARGV[1] .. ':until', NOW + ARGV[3], ARGV[1] .. ':token', ARGV[2])
redis.call('PEXPIRE', turns, 86400 * 1000)
return 1
