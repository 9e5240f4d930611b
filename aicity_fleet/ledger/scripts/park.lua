-- queued, finished or held -> quarantined, by a person.
-- ARGV: id, why
-- Reply: {1 or 0, state before, what stands against it or ''}
local id = ARGV[1]
local fields = redis.call('HMGET', key('job', id), 'state', 'report_lease_until')
local state = fields[1] or ''
if state ~= 'queued' and state ~= 'finished' and state ~= 'held' then
  return {0, state, ''}
end
if state == 'finished' and tonumber(fields[2] or '0') > NOW then
  return {0, state, 'being_sent'}
end
if redis.call('SREM', GUARD_PENDING, id) == 1 then
  redis.call('HINCRBY', GUARD, 'failed', 1) -- it may have been accepted
end
lay_aside(id, ARGV[2])
return {1, state, ''}
