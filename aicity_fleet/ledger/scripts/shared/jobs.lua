-- Jobs: their states, audit trails, leases and journals.

-- Append a line to a job's audit trail.
local function note(id, event, detail)
  local audit = key('audit', id)
  redis.call('RPUSH', audit, cjson.encode({at = NOW, event = event, detail = detail or ''}))
  redis.call('LTRIM', audit, -MAX_AUDIT_LINES, -1)
end

-- A job in quarantine needs no person any more, or never did. `why` is one of RULES.decisions; the first one stands.
local function decide(id, why)
  redis.call('ZADD', DECIDED, 'NX', RULES.decisions[why], id)
  redis.call('HSETNX', key('job', id), 'decision', why)
end

-- The keys that live as long as their job.
local PARTS = {'job', 'audit', 'journal'}

-- Delete everything that is recorded of a job after this time.
local function expire_job(id, ms)
  for _, name in ipairs(PARTS) do
    redis.call('PEXPIRE', key(name, id), ms)
  end
end

-- Keep it after all.
local function keep_job(id)
  for _, name in ipairs(PARTS) do
    redis.call('PERSIST', key(name, id))
  end
end

-- Put a job into a state; `due` is when something has to look at it next.
local function move(id, to, due)
  local job = key('job', id)
  local from = redis.call('HGET', job, 'state')
  if from then
    redis.call('ZREM', key('state', from), id)
  end
  if from == 'queued' then
    redis.call('ZREM', UNSENT, id)
  elseif not from or from == 'quarantined' then -- a corrected task becomes a job under the same id
    redis.call('ZREM', DECIDED, id)
    redis.call('HDEL', job, 'decision')
    if from then
      keep_job(id)
    end
  end
  redis.call('ZADD', key('state', to), due, id)
  redis.call('HSET', job, 'state', to, 'changed_at', NOW)
  if to == 'quarantined' and redis.call('HGET', job, 'task') == 'null' then
    decide(id, 'malformed') -- only AI City can correct it
  end
end

-- Queue a job again, and have the sweep send its message when it is due.
local function queue(id, due)
  move(id, 'queued', due)
  redis.call('HSET', key('job', id), 'not_before', due, 'owner', '')
  redis.call('ZADD', UNSENT, due, id)
end

-- Have a settled job archived, again where it has changed, if anybody archives.
local function to_archive(id)
  if tonumber(control('archives_until') or '0') > NOW then
    redis.call('ZADD', TO_ARCHIVE, redis.call('HINCRBY', CONTROLS, 'archive_marks', 1), id)
    redis.call('PEXPIRE', TO_ARCHIVE, 30 * 86400 * 1000)
  end
end

-- Whether `token` is that of the running job's current lease. It includes the nonce and the claim's random text: in
-- a ledger that was wiped, attempts start at 1 again, and in one that a failover set back, the number of an attempt
-- that was lost is granted once more. A lease from before must fit neither.
local function owns_run(id, token)
  local fields = redis.call('HMGET', key('job', id), 'state', 'attempt', 'nonce', 'claim')
  return fields[1] == 'running' and table.concat({fields[2], fields[3], fields[4] or ''}, ':') == token
end

-- Whether `token` is that of the finished job's current report lease.
local function owns_report(id, token)
  local fields = redis.call('HMGET', key('job', id), 'state', 'report_attempt', 'nonce')
  return fields[1] == 'finished' and fields[2] .. ':' .. fields[3] == token
end

-- Put a job in quarantine, where it waits for a person, unless one cancelled it; nothing of it is dropped. `why` is for
-- people, and `cause` a word to count it by.
local function put_in_quarantine(id, why, cause)
  redis.call('HSET', key('job', id), 'reason', why, 'owner', '')
  local was_cancelled = redis.call('HDEL', key('job', id), 'cancel') == 1
  move(id, 'quarantined', NOW)
  if was_cancelled then
    decide(id, 'cancelled')
  end
  note(id, 'quarantined', why)
  count('quarantined|' .. (was_cancelled and 'cancelled' or cause))
end

-- Put the job's outcome into the outbox. It is quarantined instead if it must not be sent by itself: a person
-- cancelled the job, or it is a failure although a completion was tried. `due` is when the sweep may report it.
local function into_outbox(id, outcome, kind, due)
  local job = key('job', id)
  redis.call('HSET', job, 'outcome', outcome, 'outcome_kind', kind, 'finished_at', NOW,
    'report_attempt', 0, 'report_due', NOW, 'owner', '')
  redis.call('HDEL', job, 'reason')
  local fields = redis.call('HMGET', job, 'cancel', 'complete_tried')
  if fields[1] then
    return put_in_quarantine(id, fields[1], 'cancelled')
  end
  if kind == 'fail' and fields[2] then
    return put_in_quarantine(id, 'it failed, after a completion of it was sent to AI City', 'failed_after_completion')
  end
  move(id, 'finished', due)
  note(id, 'finished', kind)
end

-- Add what an attempt used to the job's totals, and record what it showed of its model.
-- Named: model (or ''), hand_in (or ''), judgement (or ''), model_calls, prompt_tokens, completion_tokens, ran_ms;
--   endpoint: where the model answered, or '' when it did not: its breaker closes; recent_ms: for how long the
--     trouble of a job there stays known
--   without_tool: how a model handed in that was offered the tool: '' with the tool; or '-' when nothing is known
local function add_usage(id, arg)
  local job = key('job', id)
  for _, name in ipairs({'model', 'hand_in', 'judgement'}) do
    if arg[name] ~= '' then
      redis.call('HSET', job, name, arg[name])
    end
  end
  for _, total in ipairs({'model_calls', 'prompt_tokens', 'completion_tokens', 'ran_ms'}) do
    redis.call('HINCRBY', job, total, arg[total])
  end
  if arg.endpoint == '' then
    return
  end
  note_works(arg.endpoint, NOW - arg.recent_ms)
  local field = 'hand_in:' .. arg.endpoint
  if arg.without_tool == '' then
    redis.call('HDEL', CONTROLS, field)
  elseif arg.without_tool ~= '-' then
    redis.call('HSET', CONTROLS, field, cjson.encode({how = arg.without_tool, at = NOW}))
  end
end

-- A job was proven to kill its processes. Suspects that were only ever beside it when one ended are innocent,
-- and need not run alone any more.
local function exonerate_neighbours(guilty)
  local ended = '\n' .. (redis.call('HGET', key('job', guilty), 'lapsed_in') or '')
  for _, id in ipairs(redis.call('SMEMBERS', SUSPECTS)) do
    local job = key('job', id)
    local fields = redis.call('HMGET', job, 'state', 'isolated', 'lapsed_in')
    local is_innocent = id ~= guilty
    for owner in string.gmatch(fields[3] or '', '[^\n]+') do
      is_innocent = is_innocent and string.find(ended, '\n' .. owner .. '\n', 1, true) ~= nil
    end
    if is_innocent and fields[2] and (fields[1] == 'queued' or fields[1] == 'running') then
      redis.call('HDEL', job, 'isolated', 'lapsed_in')
      redis.call('HSET', job, 'lapses', 0)
      note(id, 'exonerated', 'its processes were ended by ' .. guilty)
      if fields[1] == 'queued' then
        redis.call('ZADD', UNSENT, NOW, id)
      end
      redis.call('SREM', SUSPECTS, id)
    elseif not fields[1] or not fields[2] or id == guilty then
      redis.call('SREM', SUSPECTS, id)
    end
  end
end

-- Discard the entries of a journal from one place on.
local function truncate(journal, ordinal)
  if ordinal == 0 then
    redis.call('DEL', journal)
  else
    redis.call('LTRIM', journal, 0, ordinal - 1)
  end
end
