-- Send no message for a queued job for a while. A process is being started for it; until that has had time to
-- claim the job, each further message would start another one.
-- ARGV: id, ms
-- Reply: 1, or 0 when the job is not queued any more
local id = ARGV[1]
if redis.call('HGET', key('job', id), 'state') ~= 'queued' then
  return 0
end
redis.call('ZADD', UNSENT, NOW + ARGV[2], id)
return 1
