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

-- The guard counts failures that AI City accepted (`failed`) and how many of them lie before a success
-- for certain (`cleared`); the difference is the row that stands. A failure that was sent and has no
-- definite answer yet may have been accepted: it is pending, and counts as well.
local GUARD = PREFIX .. 'guard:counts'
local GUARD_PENDING = PREFIX .. 'guard:pending'

local function guard_count(name)
  return tonumber(redis.call('HGET', GUARD, name) or '0')
end

local function failures_in_a_row()
  return guard_count('failed') - guard_count('cleared') + redis.call('SCARD', GUARD_PENDING)
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

-- Whether `token` is the one that the running job's current lease carries.
local function owns_run(id, token)
  local fields = redis.call('HMGET', key('job', id), 'state', 'attempt')
  return fields[1] == 'running' and fields[2] == token
end

-- Whether `token` is the one that the finished job's current report lease carries.
local function owns_report(id, token)
  local fields = redis.call('HMGET', key('job', id), 'state', 'report_attempt')
  return fields[1] == 'finished' and fields[2] == token
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

-- Let one held failure go, if the guard has room for it.
local function let_one_go(most)
  local held = redis.call('ZRANGE', key('state', 'held'), 0, 0)[1]
  if held and failures_in_a_row() < tonumber(most) then
    move(held, 'finished', NOW)
    note(held, 'let_go')
  end
end
