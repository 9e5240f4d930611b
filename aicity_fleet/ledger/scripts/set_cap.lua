-- A person sets the cap of this day (UTC), in place of the one that the workers name.
-- ARGV: the cap in picodollars, or '' to take it back
-- Reply: {1, or 0 when no worker has named a cap today; the cap that held before, in picodollars, or ''}
local fields = redis.call('HMGET', today(), 'cap', 'own_cap')
if not fields[1] then
  return {0, ''}
end
if ARGV[1] == '' then
  redis.call('HDEL', today(), 'set_cap')
  redis.call('HSET', today(), 'cap', fields[2])
else
  redis.call('HSET', today(), 'set_cap', ARGV[1], 'cap', ARGV[1])
end
redis.call('HDEL', today(), 'wanted', 'kept_back_at') -- the next call that does not fit says so
return {1, fields[1]}
