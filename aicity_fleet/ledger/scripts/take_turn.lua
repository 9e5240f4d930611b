-- Take the right to do, for a while, what one process does at a time; or prolong it.
-- ARGV: name, token of the taker ('' for one that never prolongs it), ms
-- Reply: 1, or 0 while another process has it, which learns of this when it gives the turn back
local SLACK_MS = 10000

local held_until = tonumber(redis.call('HGET', TURNS, ARGV[1] .. ':until') or '0')
local is_ours = ARGV[2] ~= '' and redis.call('HGET', TURNS, ARGV[1] .. ':token') == ARGV[2]
-- A turn that ends later than any could was taken before the clock of Redis was set back: it holds nobody off.
local is_held = held_until > NOW and held_until <= NOW + ARGV[3] + SLACK_MS
if is_held and not is_ours then
  if ARGV[2] ~= '' then
    redis.call('HSET', TURNS, ARGV[1] .. ':wanted', 1)
  end
  return 0
end
if not is_ours then
  redis.call('HDEL', TURNS, ARGV[1] .. ':wanted') -- of a holder that died
end
redis.call('HSET', TURNS, ARGV[1] .. ':until', NOW + ARGV[3], ARGV[1] .. ':token', ARGV[2])
redis.call('PEXPIRE', TURNS, 86400 * 1000)
return 1
