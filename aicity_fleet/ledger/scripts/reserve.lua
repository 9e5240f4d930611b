-- Keep a part of the day's cap for a model call that is about to be made. It is settled by `journal_append`,
-- given back by `give_back`, and lapses by itself should its process die.
-- ARGV: name of the reservation, picodollars that the call will cost at least, the day's cap in picodollars,
--       ms after which it lapses
-- Reply: 1, or 0 when it does not fit any more
local day = today()
redis.call('HSET', day, 'cap', ARGV[3])
redis.call('PEXPIRE', day, SPENDING_KEPT_MS)
if charged_today() + reserved(ARGV[1]) + tonumber(ARGV[2]) > tonumber(ARGV[3]) then
  redis.call('HSET', day, 'wanted', ARGV[2])
  return 0
end
redis.call('HSET', RESERVED, ARGV[1], ARGV[2] .. ':' .. string.format('%.0f', NOW + ARGV[4]))
redis.call('PEXPIRE', RESERVED, 86400 * 1000)
return 1
