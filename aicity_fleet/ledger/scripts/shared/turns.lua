-- The right to do, for a while, what one process does at a time.
local TURN_SLACK_MS = 10000

-- Take a turn, or prolong it; returns whether it is ours. While another process has it, that one learns of this when
-- it gives the turn back. The token of a taker that never prolongs its turn is ''.
local function take_turn(name, token, ms)
  local held_until = tonumber(redis.call('HGET', TURNS, name .. ':until') or '0')
  local is_ours = token ~= '' and redis.call('HGET', TURNS, name .. ':token') == token
  -- A turn that ends later than any could was taken before the clock of Redis was set back: it holds nobody off.
  local is_held = held_until > NOW and held_until <= NOW + ms + TURN_SLACK_MS
  if is_held and not is_ours then
    if token ~= '' then
      redis.call('HSET', TURNS, name .. ':wanted', 1)
    end
    return false
  end
  if not is_ours then
    redis.call('HDEL', TURNS, name .. ':wanted') -- of a holder that died
  end
  redis.call('HSET', TURNS, name .. ':until', NOW + ms, name .. ':token', token)
  redis.call('PEXPIRE', TURNS, 86400 * 1000)
  return true
end
