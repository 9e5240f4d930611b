-- Grant the right to read one reported task back, to one process at a time; the longest due first.
-- ARGV, named:
--   window_ms: how long after its report a task is read back
--   lease_ms: until it is due again at the earliest, should no answer come; for an old report, an eighth of its age
--   check_ms: how long after its report failures wait for AI City's check of it
--   minute_limit: most reads in a minute of the clock
-- Reply: {id, number of the read, nonce, ms since the report, standing} or {'', reason}
local arg = named(1)
if control('stopped') then
  return {'', 'stopped'}
end
if tonumber(control('quiet_until') or '0') > NOW then
  return {'', 'quiet'}
end
local minute = tostring(math.floor(NOW / 60000))
local fields = redis.call('HMGET', TURNS, 'read_back:minute', 'read_back:reads')
local reads = fields[1] == minute and tonumber(fields[2]) or 0
if reads >= tonumber(arg.minute_limit) then
  return {'', 'minute_limit'}
end
for _, id in ipairs(redis.call('ZRANGEBYSCORE', READ_BACKS, '-inf', NOW, 'LIMIT', 0, 200)) do
  local job = key('job', id)
  local state, changed_at, nonce, standing = unpack(redis.call('HMGET', job, 'state', 'changed_at', 'nonce',
    'standing'))
  local age = NOW - tonumber(changed_at or '0')
  if state == 'reported' and age < tonumber(arg.window_ms) then
    if age >= tonumber(arg.check_ms) then
      stop_waiting_for_check(id)
    end
    redis.call('ZADD', READ_BACKS, NOW + math.max(tonumber(arg.lease_ms), math.floor(age / 8)), id)
    redis.call('HSET', TURNS, 'read_back:minute', minute, 'read_back:reads', reads + 1)
    redis.call('PEXPIRE', TURNS, 86400 * 1000)
    return {id, tostring(redis.call('HINCRBY', job, 'read_backs', 1)), nonce, tostring(age), standing or ''}
  end
  end_read_backs(id) -- its time is over, or its record expired
end
return {'', 'none_due'}
