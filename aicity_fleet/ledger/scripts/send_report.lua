-- quarantined or held -> finished, by a person: the outcome is reported as it stands.
-- ARGV: id, why, '1' to send a failure all the same
-- Reply: {1 or 0, state before, the obstacle or ''}
local id, despite_guard = ARGV[1], ARGV[3] == '1'
local job = key('job', id)
local fields = redis.call('HMGET', job, 'state', 'outcome', 'outcome_kind', 'complete_tried')
local state = fields[1] or ''
if state ~= 'quarantined' and state ~= 'held' then
  return {0, state, ''}
end
if not fields[2] then
  return {0, state, 'no_outcome'}
end
if fields[3] == 'fail' and fields[4] then
  return {0, state, 'complete_tried'}
end
if fields[3] == 'fail' and not despite_guard and failures_in_a_row() >= RULES.max_failures then
  return {0, state, 'guard'}
end
if despite_guard then
  redis.call('HSET', job, 'despite_guard', 1)
else
  redis.call('HDEL', job, 'despite_guard')
end
redis.call('HDEL', job, 'first_report_at', 'reason', 'cancel')
redis.call('HSET', job, 'report_due', NOW, 'report_lease_until', 0)
move(id, 'finished', NOW)
note(id, 'sent_on', ARGV[2])
return {1, state, ''}
