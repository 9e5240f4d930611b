-- queued -> running. The fencing token is the number of the attempt together with the nonce and `call`.
-- ARGV: id, then named:
--   owner: the process
--   lease_ms
--   max_running: most jobs of the fleet that may run at once; 0 for any number
--   endpoint: the model endpoint that the process would call, or ''
--   endpoints: those of the task types whose teams call another, as JSON, or ''
--   brake: see `is_braked`; the other scripts find it in the controls
--   is_alone: '1' when the job would run alone in its process
--   probe_ms: how long a probe of an endpoint may take
--   other_probe_ms: how long the job that failed there last leaves the probe to another
--   day_cap: the day's cap in picodollars, or ''
--   call: a random text of the call. The client repeats a call whose reply was lost, and gets the same lease.
-- Reply: {attempt, task JSON, nonce, releases, excuses, breaks, troubles, ms that earlier attempts ran, picodollars
--        spent, the entries of the journal, when it was accepted} or {'', reason}
local id, arg = ARGV[1], named(2)
local job = key('job', id)
local fields = redis.call('HMGET', job, 'state', 'not_before', 'task', 'nonce', 'releases',
  'excuses', 'breaks', 'troubles', 'isolated', 'ran_ms', 'spent', 'unanswered_cost', 'sent_at', 'claim',
  'attempt', 'listed_at', 'accepted_at', 'task_type')
local state, not_before, task, nonce, releases, excuses, breaks, troubles, isolated, ran_ms, spent, unanswered,
  sent_at, claim, attempt, listed_at, accepted_at, task_type = unpack(fields)

local function lease(token)
  return {tostring(token), task, nonce, releases or '0', excuses or '0', breaks or '0', troubles or '0',
    ran_ms or '0', string.format('%.0f', (spent or 0) + (unanswered or 0)),
    redis.call('LRANGE', key('journal', id), 0, -1), accepted_at or '0'}
end

if not state then
  return {'', 'unknown'}
end
if state == 'running' and claim == arg.call then
  return lease(attempt)
end
if state ~= 'queued' then
  return {'', state}
end
if tonumber(not_before) > NOW then
  return {'', 'not_due'}
end

-- The message is used up: the sweep sends another one when a claim may succeed.
local function refuse(reason, due)
  redis.call('ZADD', UNSENT, due, id)
  redis.call('HSET', job, 'refused_at', NOW)
  count('claims_refused|' .. reason)
  return {'', reason}
end

-- Nothing is bought for a task that AI City may have withdrawn. The dispatcher reads it, and then it is listed or gone.
local walked_at = tonumber(redis.call('HGET', TURNS, 'walked_at') or '0')
if attempt == '0' and tonumber(listed_at or '0') < walked_at then
  redis.call('ZADD', UNLISTED, 'NX', NOW, id)
  redis.call('PEXPIRE', UNLISTED, 7 * 86400 * 1000)
  return refuse('not_listed', NOW + 60000)
end
if is_paused('starts') then
  return refuse('paused', NOW)
end
if arg.brake == '' then
  redis.call('HDEL', CONTROLS, 'brake')
else
  redis.call('HSET', CONTROLS, 'brake', arg.brake)
end
if room_to_start(arg.max_running) < 1 then
  local reason = failures_seen() >= RULES.max_failures and 'guard' or is_braked() and 'brake'
  return refuse(reason or 'over_cap', NOW + 1000)
end
if arg.day_cap ~= '' then
  local cap = cap_today(arg.day_cap)
  if day_is_full(cap, job) then
    local wanted = tonumber(redis.call('HGET', job, 'wanted') or '0')
    keep_back(wanted, cap)
    if wanted > tonumber(cap) then -- it fits no day, which the record of each day shows
      redis.call('HSET', today(), 'wanted', string.format('%.0f', wanted))
    end
    return refuse('day_cap', NOW + 30000) -- and not until midnight: a person may raise it
  end
end
local endpoint = arg.endpoints ~= '' and cjson.decode(arg.endpoints)[task_type] or arg.endpoint
local breaker = read_breaker(endpoint)
if breaker.open_until and breaker.open_until > NOW then
  -- A probe may end long before its time is up.
  wait_for_endpoint(endpoint, id)
  return refuse('provider_down', breaker.is_probing and NOW + 1000 or breaker.open_until)
end
-- The probe is another job than the one that failed there last, if one comes in time.
if breaker.open_until and breaker.last_job == id and NOW < breaker.open_until + arg.other_probe_ms
  and redis.call('ZCARD', key('state', 'queued')) > 1 then
  return refuse('provider_down', NOW + 1000)
end
-- This check comes last: a process that is refused here starts a process for this job.
if isolated and arg.is_alone ~= '1' then
  return refuse('isolated', NOW + 2000)
end
if breaker.open_until then
  breaker.open_until, breaker.is_probing = NOW + tonumber(arg.probe_ms), true -- this job is the probe
  write_breaker(endpoint, breaker)
end
-- The sweep learns which messages must have been taken by now.
if tonumber(sent_at or '0') > tonumber(redis.call('HGET', TURNS, 'claimed_sent_at') or '0') then
  redis.call('HSET', TURNS, 'claimed_sent_at', sent_at)
  redis.call('PEXPIRE', TURNS, 86400 * 1000)
end
local token = redis.call('HINCRBY', job, 'attempt', 1)
move(id, 'running', NOW + arg.lease_ms)
redis.call('HSET', job, 'owner', arg.owner, 'started_at', NOW, 'claim', arg.call)
note(id, 'claimed', 'attempt ' .. token .. ' by ' .. arg.owner)
if attempt == '0' then
  observe('wait', NOW - tonumber(accepted_at or NOW))
else
  count('restarts')
end
return lease(token)
