-- A person sets the cap of this day (UTC), in place of the one that the workers name.
-- ARGV: the cap in picodollars, or '' to take it back
-- Reply: {1, or 0 when no worker has named a cap today; the cap that held before, in picodollars, or ''}
local before = redis.call('HGET', today(), 'cap')
if not before then
  return {0, ''}
end
if ARGV[1] == '' then
  redis.call('HDEL', today(), 'set_cap')
else
  redis.call('HSET', today(), 'set_cap', ARGV[1])
  cap_today('')
end
redis.call('HDEL', today(), 'wanted') -- the next call that does not fit says so
return {1, before}
