-- Record that a message for a queued job went out.
-- ARGV: id
-- Reply: 1, or 0 when the job is not queued
local id = ARGV[1]
redis.call('ZREM', UNSENT, id)
if redis.call('HGET', key('job', id), 'state') ~= 'queued' then
  return 0
end
redis.call('HSET', key('job', id), 'sent_at', NOW)
return 1
