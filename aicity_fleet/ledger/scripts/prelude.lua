-- Stands before every other script. KEYS[1] is the fleet's prefix with its hash tag: every key that a script
-- touches begins with it, so all lie in one slot. Times are Redis's own, in milliseconds. ARGV begins with
-- what the script is about (an id, a token); a script with many arguments gets the others by name. RULES
-- comes from `rules.py`.

local PREFIX = KEYS[1]
local MAX_AUDIT_LINES = 200

-- The keys besides those of a job. docs/architecture.md says how long each lives.
local UNSENT = PREFIX .. 'unsent' -- queued jobs whose message has to be sent, by when
local TURNS = PREFIX .. 'turns'
local CONTROLS = PREFIX .. 'controls'
local GUARD = PREFIX .. 'guard:counts'
local GUARD_PENDING = PREFIX .. 'guard:pending'
local GUARD_UNSURE = PREFIX .. 'guard:unsure'
local SUSPECTS = PREFIX .. 'suspects' -- jobs that run alone because two processes ended while they ran there
local RESERVED = PREFIX .. 'spending:reserved'
local BREAKERS = PREFIX .. 'breakers'
local RECENT = PREFIX .. 'recent' -- how the latest jobs ended, newest first
local READ_BACKS = PREFIX .. 'read_backs' -- reported jobs whose task is read back, by when
local TAKEN_BACK = PREFIX .. 'taken_back' -- jobs whose earnings AI City took back, by when it was read
local RECORD = PREFIX .. 'record'

local function key(name, id)
  return PREFIX .. name .. ':' .. id
end

local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

local NOW = now_ms()

-- The arguments from ARGV[first] on, which are names and values in turn, as a table of strings.
local function named(first)
  local values = {}
  for i = first, #ARGV, 2 do
    values[ARGV[i]] = ARGV[i + 1]
  end
  return setmetatable(values, {__index = function(_, name)
    error('no argument is called ' .. name)
  end})
end

-- What people and answers have switched off: see `Controls` in controls.py for the fields.

local function control(name)
  return redis.call('HGET', CONTROLS, name)
end

local function is_paused(what)
  return redis.call('HEXISTS', CONTROLS, 'pause:' .. what) == 1
end

-- What keeps all reports back: a person's pause, a key that AI City refuses, a wait that it asked for; or nil.
local function reports_wait_for()
  if is_paused('reports') then
    return 'paused'
  end
  if control('stopped') then
    return 'stopped'
  end
  if tonumber(control('quiet_until') or '0') > NOW then
    return 'quiet'
  end
end

-- The guard counts failures that AI City accepted (`failed`) and how many of them certainly precede a success
-- (`cleared`). The difference is the row that stands. A failure that was sent and has no definite answer yet
-- may have been accepted: it is pending, and counts as well. A new ledger does not know the row: it assumes
-- the worst (`assumed`) until a success is accepted.
--
-- GUARD_UNSURE holds completions without a definite answer. Each may have been accepted and then have failed
-- AI City's own check, which is a failure too. They count against a further failure, and against nothing else.

local function guard_count(name)
  return tonumber(redis.call('HGET', GUARD, name) or '0')
end

local function failures_seen()
  return guard_count('failed') - guard_count('cleared') + redis.call('SCARD', GUARD_PENDING)
end

local function failures_in_a_row()
  return failures_seen() + guard_count('assumed')
end

-- Whether the row is unknown: the ledger was wiped during a poll, and no poll has read the profile since.
local function guard_is_unknown()
  return redis.call('EXISTS', GUARD) == 0
end

-- Count a failure that was accepted, or may have been. One that comes before the row is known is counted on
-- top of the worst.
local function count_failure()
  if guard_is_unknown() then
    redis.call('HSET', GUARD, 'assumed', RULES.max_failures)
  end
  redis.call('HINCRBY', GUARD, 'failed', 1)
end

-- The brake holds jobs back while many of the latest failed, whether those failures were sent or held. The control
-- `brake` is 'failures/jobs', such as '5/8'; without it there is no brake. RECENT holds the latest endings, newest
-- first: 'complete', or 'fail' with the team and the model.

local function is_braked()
  local most, window = string.match(control('brake') or '', '(%d+)/(%d+)')
  if not most then
    return false
  end
  local failed = 0
  for _, ending in ipairs(redis.call('LRANGE', RECENT, 0, window - 1)) do
    failed = failed + (ending ~= 'complete' and 1 or 0)
  end
  return failed >= tonumber(most)
end

-- Note how a job ended. A success while the brake is set releases it.
local function note_ending(kind, team, model)
  if not control('brake') then
    return
  end
  if kind == 'complete' and is_braked() then
    redis.call('DEL', RECENT)
  end
  redis.call('LPUSH', RECENT, kind == 'complete' and kind or kind .. ' ' .. team .. ' ' .. model)
  redis.call('LTRIM', RECENT, 0, RULES.recent_endings - 1)
  redis.call('PEXPIRE', RECENT, 7 * 86400 * 1000)
end

-- How many jobs may run at once. A fleet of which no success is remembered begins with a few: if all of its jobs
-- fail, it must not have bought all of them before the first has ended.
local function proven_width()
  local passed = 0
  for _, ending in ipairs(redis.call('LRANGE', RECENT, 0, -1)) do
    passed = passed + (ending == 'complete' and 1 or 0)
  end
  return passed < RULES.proven_successes and RULES.unproven_width * (1 + passed) or math.huge
end

-- Count a completion that AI City accepted. It ends the row of the failures that were settled before it was
-- sent. What it changed is kept, in case AI City takes it back and no later success did the same.
local function count_success(id)
  local mark = tonumber(redis.call('HGET', key('job', id), 'guard_mark') or '0')
  local cleared, assumed = guard_count('cleared'), guard_count('assumed')
  if mark > cleared or assumed > 0 then
    redis.call('HSET', GUARD, 'cleared', math.max(mark, cleared), 'cleared_from', cleared,
      'assumed_from', assumed)
    redis.call('HDEL', GUARD, 'assumed')
  end
  if mark >= cleared and redis.call('HEXISTS', GUARD, 'cleared_from') == 1 then
    redis.call('HSET', GUARD, 'cleared_by', id)
  end
end

-- AI City took a completion back: it is a failure, and no longer ends a row that it alone ended.
local function count_taken_back(id)
  count_failure()
  if redis.call('HGET', GUARD, 'cleared_by') == id then
    redis.call('HSET', GUARD, 'cleared', guard_count('cleared_from'))
    if guard_count('assumed_from') > 0 then
      redis.call('HSET', GUARD, 'assumed', guard_count('assumed_from'))
    end
    redis.call('HDEL', GUARD, 'cleared_by', 'cleared_from', 'assumed_from')
  end
end

-- How many further jobs may start now: up to `cap` in the whole fleet (0: no cap), and one at a time while the
-- guard is closed or the brake is set because jobs failed.
local function room_to_start(cap)
  cap = tonumber(cap)
  if cap == 0 then
    cap = math.huge
  end
  if failures_seen() >= RULES.max_failures or is_braked() then
    cap = 1
  elseif control('brake') then
    cap = math.min(cap, proven_width())
  end
  if cap == math.huge then
    return cap
  end
  return math.max(0, cap - redis.call('ZCARD', key('state', 'running')))
end

-- Append a line to a job's audit trail.
local function note(id, event, detail)
  local audit = key('audit', id)
  redis.call('RPUSH', audit, cjson.encode({at = NOW, event = event, detail = detail or ''}))
  redis.call('LTRIM', audit, -MAX_AUDIT_LINES, -1)
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
  end
  redis.call('ZADD', key('state', to), due, id)
  redis.call('HSET', job, 'state', to, 'changed_at', NOW)
end

-- Queue a job again, and have the sweep send its message when it is due.
local function queue(id, due)
  move(id, 'queued', due)
  redis.call('HSET', key('job', id), 'not_before', due, 'owner', '')
  redis.call('ZADD', UNSENT, due, id)
end

-- Delete everything that is recorded of a job after this time.
local function expire_job(id, ms)
  for _, name in ipairs({'job', 'audit', 'journal'}) do
    redis.call('PEXPIRE', key(name, id), ms)
  end
end

-- Whether `token` is that of the running job's current lease. It includes the nonce: attempts start at 1 again
-- in a ledger that was wiped, and a lease from before must not fit.
local function owns_run(id, token)
  local fields = redis.call('HMGET', key('job', id), 'state', 'attempt', 'nonce')
  return fields[1] == 'running' and fields[2] .. ':' .. fields[3] == token
end

-- Whether `token` is that of the finished job's current report lease.
local function owns_report(id, token)
  local fields = redis.call('HMGET', key('job', id), 'state', 'report_attempt', 'nonce')
  return fields[1] == 'finished' and fields[2] .. ':' .. fields[3] == token
end

-- Put a job in quarantine, where it waits for a person; nothing of it is dropped.
local function put_in_quarantine(id, why)
  redis.call('HSET', key('job', id), 'reason', why, 'owner', '')
  redis.call('HDEL', key('job', id), 'cancel')
  move(id, 'quarantined', NOW)
  note(id, 'quarantined', why)
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
    return put_in_quarantine(id, fields[1])
  end
  if kind == 'fail' and fields[2] then
    return put_in_quarantine(id, 'it failed, after a completion of it was sent to AI City')
  end
  move(id, 'finished', due)
  note(id, 'finished', kind)
end

-- Add what an attempt used to the job's totals.
-- Named: model (or ''), hand_in (or ''), model_calls, prompt_tokens, completion_tokens, ran_ms
local function add_usage(id, arg)
  local job = key('job', id)
  for _, name in ipairs({'model', 'hand_in'}) do
    if arg[name] ~= '' then
      redis.call('HSET', job, name, arg[name])
    end
  end
  for _, total in ipairs({'model_calls', 'prompt_tokens', 'completion_tokens', 'ran_ms'}) do
    redis.call('HINCRBY', job, total, arg[total])
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

-- The hash of one day (UTC) holds what the fleet spends: `spent` is what calls cost, `estimated` our guess at
-- those that the provider did not count, both in picodollars; `calls` and `unpriced` count calls. `cap` is the
-- cap that was named last, `wanted` what the call needed that it kept back last. A job has its own `wanted`.
local SPENDING_KEPT_MS = 8 * 86400 * 1000

local function today()
  return key('spending', math.floor(NOW / 86400000))
end

-- What calls in flight have reserved. RESERVED maps a reservation to 'picodollars:when it lapses'.
local function reserved(except)
  local sum, all = 0, redis.call('HGETALL', RESERVED)
  for i = 1, #all, 2 do
    local amount, until_ms = string.match(all[i + 1], '(%d+):(%d+)')
    if tonumber(until_ms) <= NOW then
      redis.call('HDEL', RESERVED, all[i])
    elseif all[i] ~= except then
      sum = sum + tonumber(amount)
    end
  end
  return sum
end

local function charged_today()
  local fields = redis.call('HMGET', today(), 'spent', 'estimated')
  return tonumber(fields[1] or '0') + tonumber(fields[2] or '0')
end

-- Whether the day has no room for a call that costs what `hash` has as `wanted`, or for anything at all.
local function day_is_full(cap, hash)
  local wanted = tonumber(redis.call('HGET', hash, 'wanted') or '0')
  return charged_today() + reserved() + math.max(1, wanted) > tonumber(cap)
end

-- Add what a model call cost to the job and to the day.
-- Named: reservation that this settles, or '' for a tool call, which costs nothing; cost in picodollars, or ''
-- if unknown; estimated_cost that stands in for it; prices, the price table
local function book_call(id, arg)
  if arg.reservation == '' then
    return
  end
  local job, day = key('job', id), today()
  redis.call('HINCRBY', day, 'calls', 1)
  if arg.cost == '' then
    redis.call('HINCRBY', job, 'unpriced_calls', 1)
    redis.call('HINCRBY', day, 'unpriced', 1)
    redis.call('HINCRBY', day, 'estimated', arg.estimated_cost)
  else
    redis.call('HINCRBY', job, 'spent', arg.cost)
    redis.call('HINCRBY', day, 'spent', arg.cost)
    local known = redis.call('HGET', job, 'prices') or ''
    if not string.find(known, arg.prices, 1, true) then
      redis.call('HSET', job, 'prices', known == '' and arg.prices or known .. ', ' .. arg.prices)
    end
  end
  redis.call('PEXPIRE', day, SPENDING_KEPT_MS)
  redis.call('HDEL', RESERVED, arg.reservation)
end

-- Discard the entries of a journal from one place on.
local function truncate(journal, ordinal)
  if ordinal == 0 then
    redis.call('DEL', journal)
  else
    redis.call('LTRIM', journal, 0, ordinal - 1)
  end
end

-- Count what became of the deliveries of a task type, for the record of its team. A stranger chooses the type,
-- so further ones count as `general` once there are many.
local function count_in_record(id, what)
  local field = what .. ':' .. (redis.call('HGET', key('job', id), 'task_type') or '')
  if redis.call('HLEN', RECORD) >= 2000 and redis.call('HEXISTS', RECORD, field) == 0 then
    field = what .. ':general'
  end
  redis.call('HINCRBY', RECORD, field, 1)
  redis.call('PEXPIRE', RECORD, 90 * 86400 * 1000)
end

-- Let one held failure go, if the guard has room for it.
local function let_one_go()
  local held = redis.call('ZRANGE', key('state', 'held'), 0, 0)[1]
  if held and failures_in_a_row() < RULES.max_failures then
    move(held, 'finished', NOW)
    note(held, 'let_go')
  end
end

-- Read a reported task back no more. If its check is still under way, it is no longer waited for.
local function end_read_backs(id)
  redis.call('ZREM', READ_BACKS, id)
  if redis.call('SREM', GUARD_UNSURE, id) == 1 then
    let_one_go()
  end
end

-- The breaker of a model endpoint: how many runs in a row had trouble there, which jobs' and when, how often in
-- a row it opened, until when nothing starts, and why. Without a record, nothing is wrong.
local MAX_BREAKER_JOBS = 10

local function read_breaker(endpoint)
  local text = redis.call('HGET', BREAKERS, endpoint)
  local breaker = text and cjson.decode(text) or {troubles = 0, opens = 0}
  breaker.jobs = breaker.jobs or {} -- each {id, when, why}, the latest last
  return breaker
end

-- Put a job last among those in trouble. Returns how many others had the same trouble since `recently`.
local function add_trouble(breaker, job, why, recently)
  local others, jobs = 0, {}
  for _, entry in ipairs(breaker.jobs) do
    if entry[1] ~= job then
      jobs[#jobs + 1] = entry
      others = others + (entry[2] >= recently and entry[3] == why and 1 or 0)
    end
  end
  if #jobs >= MAX_BREAKER_JOBS then
    table.remove(jobs, 1)
  end
  jobs[#jobs + 1] = {job, NOW, why}
  breaker.jobs = jobs
  return others
end

local function write_breaker(endpoint, breaker)
  redis.call('HSET', BREAKERS, endpoint, cjson.encode(breaker))
  redis.call('PEXPIRE', BREAKERS, 7 * 86400 * 1000)
end
