-- Read what the fleet has spent today.
-- ARGV: none
-- Reply: {now in ms, the day's fields as field-value list, picodollars reserved, 1 when the call that the cap
--        kept back last still does not fit}
local cap = redis.call('HGET', today(), 'cap')
return {NOW, redis.call('HGETALL', today()), string.format('%.0f', (reserved())),
  cap and day_is_full(cap, today()) and 1 or 0}
