-- The hash of one day (UTC) holds what the fleet spends: `spent` is what calls cost, `estimated` our guess at
-- those that the provider did not count, both in picodollars; `calls` and `unpriced` count calls. `cap` is the
-- cap that was named last, `set_cap` one that a person set for this day, which counts in place of it, and `wanted`
-- what the call needed that was kept back last, at `kept_back_at`. A job has its own `wanted`.
local SPENDING_KEPT_MS = 8 * 86400 * 1000

local function today()
  return key('spending', math.floor(NOW / 86400000))
end

-- The cap that holds today, where a worker names its own. It is recorded for people.
local function cap_today(named)
  local cap = redis.call('HGET', today(), 'set_cap') or named
  redis.call('HSET', today(), 'cap', cap, 'own_cap', named)
  redis.call('PEXPIRE', today(), SPENDING_KEPT_MS)
  return cap
end

-- What calls in flight have reserved. RESERVED maps a reservation to 'picodollars:when it lapses'. Deletes nothing:
-- a user of Redis who may only read asks too.
local function reserved(except)
  local sum, lapsed, all = 0, {}, redis.call('HGETALL', RESERVED)
  for i = 1, #all, 2 do
    local amount, until_ms = string.match(all[i + 1], '(%d+):(%d+)')
    if tonumber(until_ms) <= NOW then
      table.insert(lapsed, all[i])
    elseif all[i] ~= except then
      sum = sum + tonumber(amount)
    end
  end
  return sum, lapsed
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

-- The cap keeps a call or a job back. A call that fits no day at all says nothing of the others.
local function keep_back(wanted, cap)
  if tonumber(wanted) <= tonumber(cap) then
    redis.call('HSET', today(), 'kept_back_at', NOW)
  end
end

-- Whether jobs wait for the next day: each of them asks again every 30 s.
local function day_is_over()
  return tonumber(redis.call('HGET', today(), 'kept_back_at') or '0') > NOW - 120000
end

-- Add what a model call cost to the job and to the day, and count it.
-- Named: reservation that this settles, or '' for a tool call, which costs nothing; cost in picodollars, or ''
-- if unknown; estimated_cost that stands in for it; prices, the price table; team; alias of the model;
-- prompt_tokens and completion_tokens, as the provider counted them
local function book_call(id, arg)
  if arg.reservation == '' then
    count('tool_calls|' .. arg.team)
    return
  end
  local labels = '|' .. arg.alias .. '|' .. arg.team
  count('model_calls' .. labels)
  count('prompt_tokens' .. labels, arg.prompt_tokens)
  count('completion_tokens' .. labels, arg.completion_tokens)
  local job, day = key('job', id), today()
  redis.call('HINCRBY', day, 'calls', 1)
  if arg.cost == '' then
    count('unpriced_calls' .. labels)
    redis.call('HINCRBY', job, 'unpriced_calls', 1)
    redis.call('HINCRBY', day, 'unpriced', 1)
    redis.call('HINCRBY', day, 'estimated', arg.estimated_cost)
  else
    count('cost' .. labels, arg.cost)
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
