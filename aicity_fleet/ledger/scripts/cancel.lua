-- Stop a job, wherever it is; it rests in quarantine, and nothing is reported.
-- ARGV: id, why
-- Reply: {'cancelled' (it rests) | 'cancelling' (its worker has to stop it first) | '', state before}
local id, why = ARGV[1], ARGV[2]
local job = key('job', id)
local state = redis.call('HGET', job, 'state')
if state == 'running' then
  redis.call('HSET', job, 'cancel', why)
  note(id, 'cancelling', why)
  return {'cancelling', state}
end
if state == 'queued' then
  lay_aside(id, why)
  return {'cancelled', state}
end
return {'', state or ''}
