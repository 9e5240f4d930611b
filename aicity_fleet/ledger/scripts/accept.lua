-- (none) -> queued; -> quarantined for a task that was refused. For a known id only note that it is listed.
-- ARGV: how long the sweep leaves sending the messages to the caller in ms, the retention in ms; then for each task:
--   id
--   task: JSON
--   task_type, nonce
--   reason: why it is refused; '' for a task to accept
--   max_budget_cents: the task's maxBudget, or ''
-- Reply: for each task 'accepted', 'refused', 'known' or 'paused' (a person paused intake)
local grace_ms, retention_ms = tonumber(ARGV[1]), ARGV[2]

local function accept(id, task, task_type, nonce, reason, max_budget_cents)
  local job = key('job', id)
  local state, known_task, decision = unpack(redis.call('HMGET', job, 'state', 'task', 'decision'))
  local is_curable = known_task == 'null' or decision == 'withdrawn'
  if state == 'quarantined' and reason == '' and is_curable and not is_paused('intake') then
    -- The task was malformed or too long, and was corrected, or our limit was raised; or it was withdrawn, and is
    -- assigned again.
    redis.call('DEL', job)
    redis.call('ZREM', key('state', 'quarantined'), id)
    redis.call('PERSIST', key('audit', id))
    state = false
  end
  if state then
    redis.call('HSET', job, 'listed_at', NOW)
    if redis.call('ZREM', UNLISTED, id) == 1 then
      redis.call('ZADD', UNSENT, 'XX', NOW, id)
    end
    if redis.call('PTTL', job) >= 0 then -- settled or refused: keep the record while AI City lists the task
      expire_job(id, retention_ms)
    end
    return 'known'
  end
  if is_paused('intake') then
    return 'paused'
  end
  redis.call('HSET', job, 'task', task, 'task_type', task_type, 'nonce', nonce,
    'attempt', 0, 'lapses', 0, 'accepted_at', NOW, 'listed_at', NOW, 'sent_at', NOW)
  if max_budget_cents ~= '' then
    redis.call('HSET', job, 'max_budget_cents', max_budget_cents)
  end
  if reason ~= '' then
    redis.call('HSET', job, 'reason', reason)
    move(id, 'quarantined', NOW)
    note(id, 'refused', reason)
    expire_job(id, retention_ms)
    count('quarantined|refused')
    return 'refused'
  end
  queue(id, NOW)
  redis.call('ZADD', UNSENT, NOW + grace_ms, id)
  note(id, 'accepted')
  count('accepted')
  return 'accepted'
end

local replies = {}
for i = 3, #ARGV, 6 do
  replies[#replies + 1] = accept(unpack(ARGV, i, i + 5))
end
return replies
