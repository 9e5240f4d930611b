-- Grant the right to send a finished job's report, to one process at a time.
-- ARGV: id, or '' for any report that is due; lease in ms; how long the sweep leaves new reports to others, in ms
-- Reply: {number of the try, nonce, outcome JSON, ms since the report was first tried, earlier outcomes that
--        AI City refused, when the job was accepted, id} or {'', reason, id}
--
-- The guard holds back a failure that would be one too many. A failure that was sent before may always be
-- sent again: it is the same failure.
local id = ARGV[1]
if id == '' then
  -- The first that nobody sends, of those that are new or overdue. What is passed over, the sweep finds.
  local fresh = redis.call('ZRANGEBYSCORE', key('state', 'finished'), '-inf', NOW + ARGV[3], 'LIMIT', 0, 20)
  for _, each in ipairs(fresh) do
    local found = redis.call('HMGET', key('job', each), 'state', 'report_due', 'report_lease_until')
    if found[1] == 'finished' and tonumber(found[2]) <= NOW and tonumber(found[3] or '0') <= NOW then
      id = each
      break
    end
  end
  if id == '' then
    return {'', 'none', ''}
  end
end
local job = key('job', id)
local fields = redis.call('HMGET', job, 'state', 'report_due', 'report_lease_until', 'outcome',
  'first_report_at', 'outcome_kind', 'nonce', 'despite_guard', 'refusals', 'accepted_at')
if fields[1] ~= 'finished' then
  return {'', fields[1] or 'unknown', id}
end
if tonumber(fields[2]) > NOW then
  return {'', 'not_due', id}
end
if tonumber(fields[3] or '0') > NOW then
  return {'', 'being_sent', id}
end
local obstacle = reports_wait_for()
if obstacle then
  return {'', obstacle, id}
end
if fields[6] == 'complete' then
  redis.call('HSET', job, 'complete_tried', 1)
  redis.call('SADD', GUARD_UNSURE, id)
  -- If AI City accepts it, whenever the answer comes, it follows the failures that are settled by now.
  redis.call('HSETNX', job, 'guard_mark', guard_count('failed'))
elseif redis.call('SISMEMBER', GUARD_PENDING, id) == 0 then
  if guard_is_unknown() and not fields[8] then
    return {'', 'guard_unknown', id}
  end
  local stand = failures_in_a_row() + redis.call('SCARD', GUARD_UNSURE)
  if stand >= RULES.max_failures and not fields[8] then
    move(id, 'held', NOW)
    count('held')
    note(id, 'held', stand .. ' failures in a row stand already, or may stand')
    return {'', 'held', id}
  end
  redis.call('SADD', GUARD_PENDING, id)
end
local token = redis.call('HINCRBY', job, 'report_attempt', 1)
redis.call('HDEL', job, 'refused') -- from now on it may be accepted, whatever came of an earlier try
local first = tonumber(fields[5] or NOW)
redis.call('HSET', job, 'report_lease_until', NOW + ARGV[2], 'first_report_at', first, 'tried', 1)
redis.call('ZADD', key('state', 'finished'), NOW + ARGV[2], id)
return {tostring(token), fields[7], fields[4], tostring(NOW - first), fields[9] or '0', fields[10] or '0', id}
