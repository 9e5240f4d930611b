-- Record that messages for queued jobs went out.
-- ARGV: ids
-- Reply: 1
for _, id in ipairs(ARGV) do
  redis.call('ZREM', UNSENT, id)
  if redis.call('HGET', key('job', id), 'state') == 'queued' then
    redis.call('HSET', key('job', id), 'sent_at', NOW)
  end
end
return 1
