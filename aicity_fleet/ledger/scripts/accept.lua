-- (none) -> queued, or -> quarantined when the task was refused. A known id is only noted as listed.
-- ARGV: id, task JSON, task type, nonce, reason for refusing or '', ms until the sweep may send it,
--       retention in ms, the task's maxBudget in cents or ''
-- Reply: {'accepted' | 'refused' | 'known' | 'paused' (a person paused intake), state or ''}
local id, reason = ARGV[1], ARGV[5]
local job = key('job', id)
local state = redis.call('HGET', job, 'state')
if state == 'quarantined' and reason == '' and redis.call('HGET', job, 'task') == 'null'
    and not is_paused('intake') then
  -- It was malformed or too long, and is not any more: corrected there, or allowed here.
  redis.call('DEL', job)
  redis.call('ZREM', key('state', 'quarantined'), id)
  redis.call('PERSIST', key('audit', id))
  state = false
end
if state then
  redis.call('HSET', job, 'listed_at', NOW)
  if redis.call('PTTL', job) >= 0 then -- settled or refused: keep it known while it is listed
    redis.call('PEXPIRE', job, ARGV[7])
    redis.call('PEXPIRE', key('audit', id), ARGV[7])
    redis.call('PEXPIRE', key('journal', id), ARGV[7])
  end
  return {'known', state}
end
if is_paused('intake') then
  return {'paused', ''}
end
redis.call('HSET', job, 'task', ARGV[2], 'task_type', ARGV[3], 'nonce', ARGV[4],
  'attempt', 0, 'lapses', 0, 'accepted_at', NOW, 'listed_at', NOW)
if ARGV[8] ~= '' then
  redis.call('HSET', job, 'max_budget_cents', ARGV[8])
end
if reason ~= '' then
  redis.call('HSET', job, 'reason', reason)
  move(id, 'quarantined', NOW)
  note(id, 'refused', reason)
  redis.call('PEXPIRE', job, ARGV[7])
  redis.call('PEXPIRE', key('audit', id), ARGV[7])
  return {'refused', 'quarantined'}
end
queue(id, NOW)
redis.call('ZADD', PREFIX .. 'unsent', NOW + ARGV[6], id)
note(id, 'accepted')
return {'accepted', 'queued'}
