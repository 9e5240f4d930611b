-- Record what the task of a job showed that had left the list: queued -> quarantined when it was withdrawn.
-- ARGV: id, 'begin' when it is still to be done, 'later' when it could not be read, 'withdraw', then named:
--   why: it is withdrawn
--   retention_ms
-- Reply: 1, or 0 when the job has begun meanwhile or is no longer queued
local KEPT_MS = 600000 -- for how long it may begin: a list that shows less than there is never shows this task

local id, verdict, arg = ARGV[1], ARGV[2], named(3)
local fields = redis.call('HMGET', key('job', id), 'state', 'attempt')
if fields[1] ~= 'queued' or fields[2] ~= '0' then
  redis.call('ZREM', UNLISTED, id)
  return 0
end
if verdict == 'later' then
  redis.call('ZADD', UNLISTED, 'XX', NOW, id) -- behind the others
  return 1
end
redis.call('ZREM', UNLISTED, id)
if verdict == 'begin' then
  redis.call('HSET', key('job', id), 'listed_at', NOW + KEPT_MS)
  redis.call('ZADD', UNSENT, NOW, id)
  return 1
end
put_in_quarantine(id, arg.why, 'withdrawn')
decide(id, 'withdrawn')
expire_job(id, arg.retention_ms)
return 1
