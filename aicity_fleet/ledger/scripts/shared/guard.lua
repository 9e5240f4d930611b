-- The guard counts failures that AI City accepted (`failed`) and how many of them certainly precede a success
-- (`cleared`). The difference is the row that stands. A failure that was sent and has no definite answer yet
-- may have been accepted: it is pending, and counts as well. A new ledger does not know the row: it assumes
-- the worst (`assumed`) until a success is accepted.
--
-- GUARD_UNSURE holds completions without a definite answer. Each may have been accepted and then have failed
-- AI City's own check, which is a failure too. A check is waited for up to an hour. They count against a further
-- failure, and against nothing else.

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

-- Count a delivery that AI City shows as completed, once, and what it earned: what AI City said that it paid, or else our
-- share of the price. Money is in hundredths of a cent. The amount is kept: so much is taken back, should it be.
local function count_delivered(id, paid_cents)
  local job = key('job', id)
  local most = redis.call('HGET', job, 'max_budget_cents')
  if most and tonumber(most) > RULES.max_cents then
    most = nil
  end
  local earned = paid_cents ~= '' and paid_cents * 100 or most and most * RULES.agent_share_percent
  local amount = string.format('%.0f', math.max(0, earned or 0))
  redis.call('HSET', job, 'counted', 1, 'earned', amount)
  count(earned and 'earned' or 'unpriced_deliveries', earned and amount)
  count_in_record(id, 'delivered')
end

-- A read-back shows what AI City paid for a delivery that was counted with a guess.
local function correct_earned(id, paid_cents)
  local job, paid = key('job', id), paid_cents * 100
  local earned = tonumber(redis.call('HGET', job, 'earned') or paid) -- the version before kept none
  if paid ~= earned then
    redis.call('HSET', job, 'earned', string.format('%.0f', paid))
    count(paid > earned and 'earned' or 'taken_back|corrected', string.format('%.0f', math.abs(paid - earned)))
  end
end

-- Let one held failure go, if the guard has room for it.
local function let_one_go()
  local held = redis.call('ZRANGE', key('state', 'held'), 0, 0)[1]
  if held and failures_in_a_row() < RULES.max_failures then
    move(held, 'finished', NOW)
    note(held, 'let_go')
    count('let_go')
  end
end

-- Failures wait no longer for AI City's check of a reported delivery.
local function stop_waiting_for_check(id)
  if redis.call('SREM', GUARD_UNSURE, id) == 1 then
    let_one_go()
  end
end

-- Read a reported task back no more.
local function end_read_backs(id)
  redis.call('ZREM', READ_BACKS, id)
  stop_waiting_for_check(id)
end
