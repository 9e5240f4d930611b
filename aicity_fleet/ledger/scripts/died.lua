-- The process of a job that ran alone died: only this job can be to blame.
-- ARGV: id, token, deaths after which the job fails, outcome JSON of that failure
-- Reply: the state that the job is in now, or '' when the token is not the current one
local id = ARGV[1]
if not owns_run(id, ARGV[2]) then
  return ''
end
local lapses = redis.call('HINCRBY', key('job', id), 'lapses', 1)
count('deaths')
note(id, 'died', 'its process ended under it, for the ' .. lapses .. '. time')
local cancelled = redis.call('HGET', key('job', id), 'cancel')
if cancelled then
  put_in_quarantine(id, cancelled, 'cancelled')
elseif lapses >= tonumber(ARGV[3]) then
  into_outbox(id, ARGV[4], 'fail', NOW)
  count('endings|poison|')
  exonerate_neighbours(id)
else
  queue(id, NOW)
end
return redis.call('HGET', key('job', id), 'state')
