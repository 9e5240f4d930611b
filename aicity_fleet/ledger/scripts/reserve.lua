-- Reserve a part of the day's cap for a model call that is about to be made. `journal_append` settles the
-- reservation, `give_back` drops it, and it lapses by itself should its process die.
-- ARGV: id, name of the reservation, then named:
--   amount: the least that the call will cost, in picodollars
--   day_cap: in picodollars
--   lapses_after_ms
-- Reply: 1, or 0 when it does not fit
--
-- An amount that did not fit is recorded with the job, which does not start again before it fits: other jobs
-- may need less.
local id, name, arg = ARGV[1], ARGV[2], named(3)
local cap = cap_today(arg.day_cap)
local others, lapsed = reserved(name)
for _, each in ipairs(lapsed) do
  redis.call('HDEL', RESERVED, each)
end
if charged_today() + others + tonumber(arg.amount) > tonumber(cap) then
  keep_back(arg.amount, cap)
  redis.call('HSET', today(), 'wanted', arg.amount)
  if redis.call('EXISTS', key('job', id)) == 1 then
    redis.call('HSET', key('job', id), 'wanted', arg.amount)
  end
  return 0
end
redis.call('HSET', RESERVED, name, arg.amount .. ':' .. string.format('%.0f', NOW + arg.lapses_after_ms))
redis.call('PEXPIRE', RESERVED, 86400 * 1000)
return 1
