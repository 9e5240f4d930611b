-- Record what the task of a job showed that had left the list: queued -> quarantined when it was withdrawn.
-- ARGV: id, why it is withdrawn, or '' when it is still to be done, the retention in ms
-- Reply: 1, or 0 when the job has begun meanwhile or is no longer queued
local id, why = ARGV[1], ARGV[2]
redis.call('ZREM', UNLISTED, id)
local fields = redis.call('HMGET', key('job', id), 'state', 'attempt')
if fields[1] ~= 'queued' or fields[2] ~= '0' then
  return 0
end
if why == '' then
  redis.call('HSET', key('job', id), 'listed_at', NOW)
  redis.call('ZADD', UNSENT, NOW, id)
  return 1
end
put_in_quarantine(id, why)
decide(id, 'withdrawn')
expire_job(id, ARGV[3])
return 1
