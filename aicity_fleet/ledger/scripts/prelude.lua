-- Stands before every other script. KEYS[1] is the fleet's prefix with its hash tag: every key that a
-- script touches begins with it, so all lie in one slot. Times are Redis's own, in milliseconds.

local PREFIX = KEYS[1]
local MAX_AUDIT_LINES = 200

local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

local function key(name, id)
  return PREFIX .. name .. ':' .. id
end

local NOW = now_ms()

-- What people and answers have switched off: see `Controls` in controls.py for the fields.
local CONTROLS = PREFIX .. 'controls'

local function control(name)
  return redis.call('HGET', CONTROLS, name)
end

local function is_paused(what)
  return redis.call('HEXISTS', CONTROLS, 'pause:' .. what) == 1
end

-- What keeps all reports back: a person's pause, a key that AI City refuses, its wish for quiet; or nil.
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

-- The guard counts failures that AI City accepted (`failed`) and how many of them lie before a success
-- for certain (`cleared`); the difference is the row that stands. A failure that was sent and has no
-- definite answer yet may have been accepted: it is pending, and counts as well. A ledger that begins
-- anew does not know the row: it assumes the worst (`assumed`) until a success was accepted.
local GUARD = PREFIX .. 'guard:counts'
local GUARD_PENDING = PREFIX .. 'guard:pending'

-- Completions without a definite answer. Each may have been accepted and then have failed AI City's own
-- check, which is a failure as well: they stand against a further failure, and against nothing else.
local GUARD_UNSURE = PREFIX .. 'guard:unsure'

local function guard_count(name)
  return tonumber(redis.call('HGET', GUARD, name) or '0')
end

local function failures_seen()
  return guard_count('failed') - guard_count('cleared') + redis.call('SCARD', GUARD_PENDING)
end

local function failures_in_a_row()
  return failures_seen() + guard_count('assumed')
end

-- A ledger that was wiped while a poll was under way: until the next poll nobody knows the row.
local function guard_is_unknown()
  return redis.call('EXISTS', GUARD) == 0
end

-- Count a failure that was accepted, or may have been; one that comes before the row is known is counted
-- on top of the worst.
local function count_failure(most)
  if guard_is_unknown() then
    redis.call('HSET', GUARD, 'assumed', most)
  end
  redis.call('HINCRBY', GUARD, 'failed', 1)
end

-- How many further jobs may start now: `cap` for the whole fleet (0: no cap), and one at a time while
-- the guard is closed because jobs did fail.
local function room_to_start(cap, most_failures)
  cap = tonumber(cap)
  if failures_seen() >= tonumber(most_failures) then
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
    redis.call('ZREM', PREFIX .. 'unsent', id)
  end
  redis.call('ZADD', key('state', to), due, id)
  redis.call('HSET', job, 'state', to, 'changed_at', NOW)
end

-- Queue a job again, and have the sweep send its message when it is due.
local function queue(id, due)
  move(id, 'queued', due)
  redis.call('HSET', key('job', id), 'not_before', due, 'owner', '')
  redis.call('ZADD', PREFIX .. 'unsent', due, id)
end

-- Whether `token` is the one of the running job's current lease. It holds the nonce as well: attempts
-- begin at 1 again in a ledger that was wiped, and a lease from before must not fit.
local function owns_run(id, token)
  local fields = redis.call('HMGET', key('job', id), 'state', 'attempt', 'nonce')
  return fields[1] == 'running' and fields[2] .. ':' .. fields[3] == token
end

-- Whether `token` is the one of the finished job's current report lease.
local function owns_report(id, token)
  local fields = redis.call('HMGET', key('job', id), 'state', 'report_attempt', 'nonce')
  return fields[1] == 'finished' and fields[2] .. ':' .. fields[3] == token
end

-- Lay a job aside for a person; nothing of it is dropped.
local function lay_aside(id, why)
  redis.call('HSET', key('job', id), 'reason', why, 'owner', '')
  redis.call('HDEL', key('job', id), 'cancel')
  move(id, 'quarantined', NOW)
  note(id, 'quarantined', why)
end

-- The job's outcome goes into the outbox, unless it must not be sent by itself: a person cancelled the
-- job, or it is a failure although a completion was tried. `due` is when the sweep may report it.
local function into_outbox(id, outcome, kind, due)
  local job = key('job', id)
  redis.call('HSET', job, 'outcome', outcome, 'outcome_kind', kind, 'finished_at', NOW,
    'report_attempt', 0, 'report_due', NOW, 'owner', '')
  redis.call('HDEL', job, 'reason')
  local fields = redis.call('HMGET', job, 'cancel', 'complete_tried')
  if fields[1] then
    return lay_aside(id, fields[1])
  end
  if kind == 'fail' and fields[2] then
    return lay_aside(id, 'it failed, after a completion of it was sent to AI City')
  end
  move(id, 'finished', due)
  note(id, 'finished', kind)
end

-- Add what an attempt used to the job's totals: ARGV from `first` on is model, model calls, prompt
-- tokens, completion tokens, ms that the attempt ran.
local function add_usage(id, first)
  local job = key('job', id)
  if ARGV[first] ~= '' then
    redis.call('HSET', job, 'model', ARGV[first])
  end
  redis.call('HINCRBY', job, 'model_calls', ARGV[first + 1])
  redis.call('HINCRBY', job, 'prompt_tokens', ARGV[first + 2])
  redis.call('HINCRBY', job, 'completion_tokens', ARGV[first + 3])
  redis.call('HINCRBY', job, 'ran_ms', ARGV[first + 4])
end

-- The jobs that run alone because two processes ended while they were in them.
local SUSPECTS = PREFIX .. 'suspects'

-- A job was proven to kill its processes: whoever was only ever beside it when one ended is innocent, and
-- need not run alone.
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
        redis.call('ZADD', PREFIX .. 'unsent', NOW, id)
      end
      redis.call('SREM', SUSPECTS, id)
    elseif not fields[1] or not fields[2] or id == guilty then
      redis.call('SREM', SUSPECTS, id)
    end
  end
end

-- What the fleet spends on one day (UTC): `spent` is what calls cost, `estimated` our guess at those that
-- the provider did not count, both in picodollars; `calls` and `unpriced` count calls. `cap` is the cap that
-- was asked for last, `wanted` what the call needed that it kept back last; a job has its own `wanted`.
local SPENDING_KEPT_MS = 8 * 86400 * 1000

local function today()
  return key('spending', math.floor(NOW / 86400000))
end

-- What calls in flight have reserved: hash of reservation to 'picodollars:when it lapses'.
local RESERVED = PREFIX .. 'spending:reserved'

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

-- Whether the day has room for no call that costs what `hash` has as `wanted`, or anything at all.
local function day_is_full(cap, hash)
  local wanted = tonumber(redis.call('HGET', hash, 'wanted') or '0')
  return charged_today() + reserved() + math.max(1, wanted) > tonumber(cap)
end

-- Put what a model call cost on the bills of the job and of the day: ARGV from `first` on is 'model', or
-- anything else for a call that costs nothing; picodollars, or '' where nobody knows; picodollars that we
-- estimate instead; the price table; the reservation that this settles.
local function book_call(id, first)
  if ARGV[first] ~= 'model' then
    return
  end
  local job, day, cost = key('job', id), today(), ARGV[first + 1]
  redis.call('HINCRBY', day, 'calls', 1)
  if cost == '' then
    redis.call('HINCRBY', job, 'unpriced_calls', 1)
    redis.call('HINCRBY', day, 'unpriced', 1)
    redis.call('HINCRBY', day, 'estimated', ARGV[first + 2])
  else
    redis.call('HINCRBY', job, 'spent', cost)
    redis.call('HINCRBY', day, 'spent', cost)
    local known = redis.call('HGET', job, 'prices') or ''
    if not string.find(known, ARGV[first + 3], 1, true) then
      redis.call('HSET', job, 'prices', known == '' and ARGV[first + 3] or known .. ', ' .. ARGV[first + 3])
    end
  end
  redis.call('PEXPIRE', day, SPENDING_KEPT_MS)
  redis.call('HDEL', RESERVED, ARGV[first + 4])
end

-- Let one held failure go, if the guard has room for it.
local function let_one_go(most)
  local held = redis.call('ZRANGE', key('state', 'held'), 0, 0)[1]
  if held and failures_in_a_row() < tonumber(most) then
    move(held, 'finished', NOW)
    note(held, 'let_go')
  end
end

-- The breaker of a model endpoint: how many runs in a row had trouble with it, how often it opened in a
-- row, until when nothing starts, and why. No record: all is well.
local BREAKERS = PREFIX .. 'breakers'

local function read_breaker(endpoint)
  local text = redis.call('HGET', BREAKERS, endpoint)
  return text and cjson.decode(text) or {troubles = 0, opens = 0}
end

local function write_breaker(endpoint, breaker)
  redis.call('HSET', BREAKERS, endpoint, cjson.encode(breaker))
  redis.call('PEXPIRE', BREAKERS, 7 * 86400 * 1000)
end
