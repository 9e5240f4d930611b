-- queued, finished or held -> quarantined, by a person.
-- ARGV: id, why
-- Reply: {1 or 0, state before, the obstacle or ''}
local id = ARGV[1]
local fields = redis.call('HMGET', key('job', id), 'state', 'report_lease_until')
local state = fields[1] or ''
if state ~= 'queued' and state ~= 'finished' and state ~= 'held' then
  return {0, state, ''}
end
if state == 'finished' and tonumber(fields[2] or '0') > NOW then
  return {0, state, 'being_sent'}
end
if redis.call('SREM', GUARD_PENDING, id) + redis.call('SREM', GUARD_UNSURE, id) > 0 then
  count_failure() -- it may have been accepted
end
put_in_quarantine(id, ARGV[2], 'parked')
return {1, state, ''}
