-- Grant the right to send a finished job's report to one process at a time.
-- ARGV: id, lease in ms
-- Reply: {token, outcome JSON, ms since the report was first tried} or {'', reason}
local id = ARGV[1]
local job = key('job', id)
local fields = redis.call('HMGET', job, 'state', 'report_due', 'report_lease_until', 'outcome',
  'first_report_at')
if fields[1] ~= 'finished' then
  return {'', fields[1] or 'unknown'}
end
if tonumber(fields[2]) > NOW then
  return {'', 'not_due'}
end
if tonumber(fields[3] or '0') > NOW then
  return {'', 'being_sent'}
end
local token = redis.call('HINCRBY', job, 'report_attempt', 1)
local first = tonumber(fields[5] or NOW)
redis.call('HSET', job, 'report_lease_until', NOW + ARGV[2], 'first_report_at', first)
redis.call('ZADD', key('state', 'finished'), NOW + ARGV[2], id)
return {tostring(token), fields[4], tostring(NOW - first)}
