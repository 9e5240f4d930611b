-- A process is being started for an isolated job: no further message for it until that has had time to
-- claim it, or each message would start another.
-- ARGV: id, ms
-- Reply: 1; 0 when the job is not queued any more
local id = ARGV[1]
if redis.call('HGET', key('job', id), 'state') ~= 'queued' then
  return 0
end
redis.call('ZADD', PREFIX .. 'unsent', NOW + ARGV[2], id)
return 1
