-- Record that messages for queued jobs went out.
-- ARGV: ids
-- Reply: 1
for _, id in ipairs(ARGV) do
  local fields = redis.call('HMGET', key('job', id), 'state', 'sent_at', 'refused_at')
  -- A worker may have been quicker: what it put off is sent again when that is due.
  if tonumber(fields[3] or '0') < tonumber(fields[2] or '0') then
    redis.call('ZREM', UNSENT, id)
  end
  if fields[1] == 'queued' then
    redis.call('HSET', key('job', id), 'sent_at', NOW)
  end
end
return 1
