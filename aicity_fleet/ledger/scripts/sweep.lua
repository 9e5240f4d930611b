-- Make everything that is due runnable: lapsed leases, jobs without a message, reports that wait.
-- ARGV, named:
--   limit: most jobs of each kind
--   message_lost_ms: after which a message counts as lost
--   report_again_ms: until a report that is handed out here is handed out again
--   retention_ms
--   isolate_after: lapsed leases after which a job runs alone
--   quarantine_after: lapsed leases after which a job is quarantined
--   max_running: most jobs of the fleet that may run at once; 0 for any number
--   schema_version: of the ledger's layout
--   outage_ms: time between two sweeps that shows an outage
--   turn_ms: how long nobody else is to sweep; within that time of another process, nothing is done. 0 to sweep anyway
-- Reply: {rescued ids, ids to send to the jobs queue, ids to send to the reports queue, 1 when the
--        ledger is new or was wiped since the last sweep}
local MOST_LAPSED = 500

local arg = named(1)
local limit = tonumber(arg.limit)

local function due(set, most)
  return redis.call('ZRANGEBYSCORE', set, '-inf', NOW, 'LIMIT', 0, most or limit)
end

-- The clock of Redis was set back by `ms`: move the times at which something is next due back with it, or all that
-- was accepted, released or claimed before would wait for as long.
local function set_back(ms)
  redis.call('HDEL', TURNS, 'claimed_sent_at', 'listens_until', 'walked_at')
  redis.call('HDEL', CONTROLS, 'probed_at')
  if tonumber(control('quiet_until') or '0') > NOW then
    redis.call('HINCRBY', CONTROLS, 'quiet_until', -ms)
  end
  for _, endpoint in ipairs(redis.call('HKEYS', BREAKERS)) do
    local breaker = read_breaker(endpoint)
    if (breaker.open_until or 0) > NOW then
      breaker.open_until = breaker.open_until - ms
      write_breaker(endpoint, breaker)
    end
  end
  local times = {
    -- A lease may have been renewed since, and is right: the longest has this many ms.
    {set = key('state', 'running'), fields = {}, from = NOW + 600000},
    {set = key('state', 'queued'), fields = {'not_before', 'sent_at'}},
    {set = key('state', 'finished'), fields = {'report_due', 'report_lease_until'}},
    {set = UNSENT, fields = {}},
    {set = READ_BACKS, fields = {}},
  }
  for _, each in ipairs(times) do
    local ahead = redis.call('ZRANGEBYSCORE', each.set, '(' .. (each.from or NOW), '+inf')
    for _, id in ipairs(ahead) do
      redis.call('ZINCRBY', each.set, -ms, id)
      for _, field in ipairs(each.fields) do
        redis.call('HINCRBY', key('job', id), field, -ms)
      end
    end
  end
end

if tonumber(arg.turn_ms) > 0 and not take_turn('sweep', '', arg.turn_ms) then
  return {{}, {}, {}, 0}
end

redis.call('SETNX', PREFIX .. 'schema', arg.schema_version)

-- If there was no sweep for a while, Redis itself may have been away, so no lease could be renewed. Leases
-- that lapsed in that time say nothing against their jobs.
local swept_at = tonumber(redis.call('HGET', TURNS, 'swept_at') or '0')
local is_new = swept_at == 0 and 1 or 0
local counts = (is_new == 1 or NOW - swept_at < tonumber(arg.outage_ms)) and 1 or 0
if swept_at > NOW + 1000 then
  set_back(swept_at - NOW)
end
redis.call('HSET', TURNS, 'swept_at', NOW)
redis.call('PEXPIRE', TURNS, 86400 * 1000)

local rescued = due(key('state', 'running'))
for _, id in ipairs(rescued) do
  local job = key('job', id)
  local lapses = redis.call('HINCRBY', job, 'lapses', counts)
  local fields = redis.call('HMGET', job, 'owner', 'cancel', 'lapsed_in')
  local owner, cancelled, lapsed_in = fields[1] or '', fields[2], fields[3]
  if counts == 1 then
    redis.call('HSET', job, 'lapsed_in', (lapsed_in or '') .. owner .. '\n')
    redis.call('ZADD', LAPSED, NOW, owner .. '\n' .. id .. '\n' .. lapses)
  end
  count('lapses|' .. (counts == 1 and 'process' or 'outage'))
  note(id, 'rescued', 'lease ' .. lapses .. ' lapsed, was ' .. owner
    .. (counts == 0 and '; not counted, because there was no sweep' or ''))
  if cancelled then
    put_in_quarantine(id, cancelled, 'cancelled')
  elseif lapses >= tonumber(arg.quarantine_after) then
    put_in_quarantine(id, lapses .. ' of its leases lapsed: it may kill its worker', 'lapses')
  else
    if counts == 1 and lapses == tonumber(arg.isolate_after) then
      redis.call('HSET', job, 'isolated', 1)
      redis.call('SADD', SUSPECTS, id)
      redis.call('PEXPIRE', SUSPECTS, 7 * 86400 * 1000)
      note(id, 'isolated', 'it runs alone from now on')
      count('isolated')
    end
    queue(id, NOW)
    count('rescues')
  end
end

if #rescued > 0 then
  redis.call('ZREMRANGEBYSCORE', LAPSED, '-inf', NOW - 3600 * 1000)
  redis.call('ZREMRANGEBYRANK', LAPSED, 0, -1 - MOST_LAPSED)
  redis.call('PEXPIRE', LAPSED, 3600 * 1000)
end

local send = {}
if not is_paused('starts') then
  local room = math.min(limit, room_to_start(arg.max_running))
  if room > 0 then
    send = due(UNSENT, room)
  end
  -- A message that was sent and never led to a claim is lost. An empty queue proves that, and so does the claim of
  -- a job whose message was sent long after it, because a queue keeps its order. Without a proof, each sweep would
  -- multiply a long backlog.
  local taken_until = tonumber(redis.call('HGET', TURNS, 'claimed_sent_at') or '0')
  if redis.call('LLEN', PREFIX .. 'jobs') == 0 then
    taken_until = NOW
  end
  for _, id in ipairs(due(key('state', 'queued'))) do
    local sent_at = tonumber(redis.call('HGET', key('job', id), 'sent_at') or '0')
    if #send < room and sent_at + arg.message_lost_ms <= taken_until and not redis.call('ZSCORE', UNSENT, id) then
      send[#send + 1] = id
    end
  end
end
for _, id in ipairs(send) do
  -- It counts as unsent until its sender confirms it: the sender may die now.
  redis.call('ZADD', UNSENT, NOW + arg.message_lost_ms, id)
  redis.call('HSET', key('job', id), 'sent_at', NOW)
end

-- While AI City hangs and no process takes reports, their messages must not pile up.
local reports = {}
if not reports_wait_for() and redis.call('LLEN', PREFIX .. 'reports') == 0 then
  reports = due(key('state', 'finished'))
end
for _, id in ipairs(reports) do
  redis.call('ZADD', key('state', 'finished'), NOW + arg.report_again_ms, id)
end

-- Drop expired jobs from the index. A job in quarantine that waits for nobody expires here, and only when a whole walk
-- has shown that AI City lists its task no more: without a record, a listed task would be accepted as a new one.
local walked_at = tonumber(redis.call('HGET', TURNS, 'walked_at') or '0')
for _, state in ipairs({'reported', 'quarantined'}) do
  local old = redis.call('ZRANGEBYSCORE', key('state', state), '-inf', NOW - arg.retention_ms,
    'LIMIT', 0, limit)
  for _, id in ipairs(old) do
    local job = key('job', id)
    if redis.call('PTTL', job) == -1 and redis.call('ZSCORE', DECIDED, id) then
      local listed_at = tonumber(redis.call('HGET', job, 'listed_at') or '0')
      if listed_at < walked_at and listed_at + arg.retention_ms <= NOW then
        expire_job(id, 0)
      end
    end
    if redis.call('EXISTS', job) == 0 then
      redis.call('ZREM', key('state', state), id)
      redis.call('ZREM', DECIDED, id)
    else -- look again in an hour
      redis.call('ZADD', key('state', state), NOW - arg.retention_ms + math.min(3600000, arg.retention_ms), id)
    end
  end
end
return {rescued, send, reports, is_new}
