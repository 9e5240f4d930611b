-- queued -> quarantined; a running job is stopped by its worker first. Nothing is reported.
-- ARGV: id, why
-- Reply: {'cancelled' | 'cancelling' (its worker has to stop it) | '', state before}
local id, why = ARGV[1], ARGV[2]
local job = key('job', id)
local state = redis.call('HGET', job, 'state')
if state == 'running' or state == 'queued' then
  redis.call('HSET', job, 'cancel', why)
end
if state == 'running' then
  note(id, 'cancelling', why)
  return {'cancelling', state}
end
if state == 'queued' then
  put_in_quarantine(id, why, 'cancelled')
  return {'cancelled', state}
end
return {'', state or ''}
