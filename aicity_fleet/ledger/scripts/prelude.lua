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

-- How many further jobs may start now: up to `cap` in the whole fleet (0: no cap), and one at a time while the
-- guard is closed because jobs failed.
local function room_to_start(cap)
  cap = tonumber(cap)
  if failures_seen() >= RULES.max_failures then
    cap = 1
  end
  if cap == 0 then
    return math.huge
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

-- Let one held failure go, if the guard has room for it.
local function let_one_go()
  local held = redis.call('ZRANGE', key('state', 'held'), 0, 0)[1]
  if held and failures_in_a_row() < RULES.max_failures then
    move(held, 'finished', NOW)
    note(held, 'let_go')
  end
end

-- The breaker of a model endpoint: how many runs in a row had trouble there, how often in a row it opened,
-- until when nothing starts, and why. Without a record, nothing is wrong.

local function read_breaker(endpoint)
  local text = redis.call('HGET', BREAKERS, endpoint)
  return text and cjson.decode(text) or {troubles = 0, opens = 0}
end

local function write_breaker(endpoint, breaker)
  redis.call('HSET', BREAKERS, endpoint, cjson.encode(breaker))
  redis.call('PEXPIRE', BREAKERS, 7 * 86400 * 1000)
end
