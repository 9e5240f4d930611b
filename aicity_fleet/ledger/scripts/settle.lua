-- finished -> reported, by the holder of the report.
-- ARGV: id, token, then named:
--   receipt: JSON; answer: its verdict, a word to count it by
--   paid_cents, reputation: what it says that AI City paid, and of the agent; or ''
--   retention_ms
--   meaning: for the agent's reputation; 'success', 'failure', 'nothing', or 'undecided': a success if it passes
--     AI City's own check
--   standing: where a delivery stands at AI City, which may change it later; '' for any other ending
--   read_back_ms: until its task is read back first, or '' when it is not
--   grace_ms: how long the sweep leaves new reports to others
--   listen_ms: how long the caller could wait for the next job to finish; 0 when it cannot
-- Reply: {1, or 0 when the token is not the current one; 1 when this may change whether the agent takes work, else 0;
--        how many other reports may be due; 1 when the caller is to wait: it is told in place of a message}
local id, arg = ARGV[1], named(3)
local job = key('job', id)

-- Whether jobs start one at a time, or AI City was told that the agent takes no work: see availability.py.
local function is_slow()
  return failures_seen() >= RULES.max_failures or is_braked() or (control('availability') or 'available') ~= 'available'
end

local was_slow = is_slow()

local function reply(is_ours)
  local others = redis.call('ZCOUNT', key('state', 'finished'), '-inf', NOW + arg.grace_ms)
  local may_change = was_slow or is_slow() -- then AI City is told first, which takes its time
  local may_listen = others == 0 and arg.listen_ms ~= '0' and not may_change
    and tonumber(redis.call('HGET', TURNS, 'listens_until') or '0') <= NOW
  if may_listen then
    redis.call('HSET', TURNS, 'listens_until', NOW + arg.listen_ms)
    redis.call('PEXPIRE', TURNS, 86400 * 1000)
    redis.call('DEL', HEARD)
  end
  return {is_ours, may_change and 1 or 0, others, may_listen and 1 or 0}
end

if not owns_report(id, ARGV[2]) then
  -- It was sent before a wipe, or by a process that slept: AI City accepted it all the same.
  local fields = redis.call('HMGET', job, 'state', 'failure_counted')
  if arg.meaning == 'failure' and fields[1] ~= 'reported' and not fields[2] then
    count_failure()
    if fields[1] then -- the process that sends it now must not count it again
      redis.call('HSET', job, 'failure_counted', 1)
      redis.call('SREM', GUARD_PENDING, id)
    end
  end
  return reply(0)
end
redis.call('HSET', job, 'receipt', arg.receipt)
move(id, 'reported', NOW)
note(id, 'reported', arg.receipt)
if arg.reputation ~= '' then
  redis.call('HSET', CONTROLS, 'reputation', arg.reputation)
end
count('reports|' .. arg.answer)
observe('report', NOW - tonumber(redis.call('HGET', job, 'finished_at') or NOW))
redis.call('SREM', GUARD_PENDING, id)
if arg.standing ~= '' then
  redis.call('HSET', job, 'standing', arg.standing)
  if arg.standing == 'completed' then
    count_delivered(id, arg.paid_cents)
  end
end
if arg.read_back_ms ~= '' then
  redis.call('ZADD', READ_BACKS, NOW + arg.read_back_ms, id)
end
if arg.standing ~= 'quality_check' or arg.read_back_ms == '' then
  redis.call('SREM', GUARD_UNSURE, id) -- else a read-back shows whether it passed AI City's own check
end
if arg.meaning == 'failure' then
  if redis.call('HGET', job, 'failure_counted') ~= '1' then
    count_failure()
  end
  if arg.standing == 'unknown' then
    redis.call('HSET', job, 'failure_number', guard_count('failed'))
  end
else
  if arg.meaning == 'success' then
    count_success(id)
  elseif arg.meaning == 'undecided' then
    redis.call('HSET', job, 'may_succeed', 1)
  end
  let_one_go() -- never after a failure: one failure between two successes
end
expire_job(id, arg.retention_ms)
to_archive(id)
return reply(1)
