-- (none) -> queued; -> quarantined for a task that was refused. For a known id only note that it is listed.
-- ARGV: id, then named:
--   task: JSON
--   task_type, nonce
--   reason: why it is refused; '' for a task to accept
--   grace_ms: how long the sweep leaves sending the message to the caller
--   retention_ms
--   max_budget_cents: the task's maxBudget, or ''
-- Reply: {'accepted' | 'refused' | 'known' | 'paused' (a person paused intake), state or ''}
local id, arg = ARGV[1], named(2)
local job = key('job', id)
local state = redis.call('HGET', job, 'state')
if state == 'quarantined' and arg.reason == '' and redis.call('HGET', job, 'task') == 'null'
    and not is_paused('intake') then
  -- The task was malformed or too long. It was corrected at AI City, or our limit was raised.
  redis.call('DEL', job)
  redis.call('ZREM', key('state', 'quarantined'), id)
  redis.call('PERSIST', key('audit', id))
  state = false
end
if state then
  redis.call('HSET', job, 'listed_at', NOW)
  if redis.call('PTTL', job) >= 0 then -- settled or refused: keep the record while AI City lists the task
    expire_job(id, arg.retention_ms)
  end
  return {'known', state}
end
if is_paused('intake') then
  return {'paused', ''}
end
redis.call('HSET', job, 'task', arg.task, 'task_type', arg.task_type, 'nonce', arg.nonce,
  'attempt', 0, 'lapses', 0, 'accepted_at', NOW, 'listed_at', NOW)
if arg.max_budget_cents ~= '' then
  redis.call('HSET', job, 'max_budget_cents', arg.max_budget_cents)
end
if arg.reason ~= '' then
  redis.call('HSET', job, 'reason', arg.reason)
  move(id, 'quarantined', NOW)
  note(id, 'refused', arg.reason)
  expire_job(id, arg.retention_ms)
  return {'refused', 'quarantined'}
end
queue(id, NOW)
redis.call('ZADD', UNSENT, NOW + arg.grace_ms, id)
note(id, 'accepted')
return {'accepted', 'queued'}
