-- Keep a part of the day's cap for a model call that is about to be made. It is settled by `journal_append`,
-- given back by `give_back`, and lapses by itself should its process die.
-- ARGV: id of the job, name of the reservation, picodollars that the call will cost at least, the day's cap
--       in picodollars, ms after which it lapses
-- Reply: 1, or 0 when it does not fit any more
--
-- What did not fit is noted with the job, which is not started again before it does: others may need less.
local id, name, amount, cap = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local day = today()
redis.call('HSET', day, 'cap', cap)
redis.call('PEXPIRE', day, SPENDING_KEPT_MS)
if charged_today() + reserved(name) + tonumber(amount) > tonumber(cap) then
  redis.call('HSET', day, 'wanted', amount)
  if redis.call('EXISTS', key('job', id)) == 1 then
    redis.call('HSET', key('job', id), 'wanted', amount)
  end
  return 0
end
redis.call('HSET', RESERVED, name, amount .. ':' .. string.format('%.0f', NOW + ARGV[5]))
redis.call('PEXPIRE', RESERVED, 86400 * 1000)
return 1
