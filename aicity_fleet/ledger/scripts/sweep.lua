-- One walk over what is due: lapsed leases, jobs without a message, reports that wait.
-- ARGV: most jobs of each kind, ms after which a message counts as lost, ms until a report that is
--       handed out here is handed out again, retention in ms, lapsed leases after which a job
--       runs alone, lapsed leases after which it is laid aside, most running jobs at once or 0,
--       failures in a row at which the guard closes, version of the layout, ms between two sweeps
--       from which on an outage is assumed
-- Reply: {rescued ids, ids to send to the jobs queue, ids to send to the reports queue, 1 when the
--        ledger is new, or was wiped since the last walk}
local limit = tonumber(ARGV[1])

local function due(set, most)
  return redis.call('ZRANGEBYSCORE', set, '-inf', NOW, 'LIMIT', 0, most or limit)
end

redis.call('SETNX', PREFIX .. 'schema', ARGV[9])

-- After a time in which nobody swept, Redis itself may have been away, and nobody could renew: leases that
-- lapsed meanwhile say nothing against their jobs.
local turns = PREFIX .. 'turns'
local swept_at = tonumber(redis.call('HGET', turns, 'swept_at') or '0')
local is_new = swept_at == 0 and 1 or 0
local counts = (is_new == 1 or NOW - swept_at < tonumber(ARGV[10])) and 1 or 0
redis.call('HSET', turns, 'swept_at', NOW)
redis.call('PEXPIRE', turns, 86400 * 1000)

local rescued = due(key('state', 'running'))
for _, id in ipairs(rescued) do
  local job = key('job', id)
  local lapses = redis.call('HINCRBY', job, 'lapses', counts)
  local fields = redis.call('HMGET', job, 'owner', 'cancel', 'lapsed_in')
  if counts == 1 then
    redis.call('HSET', job, 'lapsed_in', (fields[3] or '') .. (fields[1] or '') .. '\n')
  end
  note(id, 'rescued', 'lease ' .. lapses .. ' lapsed, was ' .. (fields[1] or '')
    .. (counts == 0 and '; not counted, for nobody swept' or ''))
  if fields[2] then
    lay_aside(id, fields[2])
  elseif lapses >= tonumber(ARGV[6]) then
    lay_aside(id, lapses .. ' of its leases lapsed: it may kill its worker')
  else
    if counts == 1 and lapses == tonumber(ARGV[5]) then
      redis.call('HSET', job, 'isolated', 1)
      redis.call('SADD', SUSPECTS, id)
      redis.call('PEXPIRE', SUSPECTS, 7 * 86400 * 1000)
      note(id, 'isolated', 'it runs alone from now on')
    end
    queue(id, NOW)
  end
end

local send = {}
if not is_paused('starts') then
  local room = math.min(limit, room_to_start(ARGV[7], ARGV[8]))
  if room > 0 then
    send = due(PREFIX .. 'unsent', room)
  end
  -- A message that was sent and never led to a claim is lost; but only an empty queue proves it, else
  -- a long backlog would be multiplied.
  if redis.call('LLEN', PREFIX .. 'jobs') == 0 then
    for _, id in ipairs(due(key('state', 'queued'))) do
      local sent_at = tonumber(redis.call('HGET', key('job', id), 'sent_at') or '0')
      if #send < room and sent_at + ARGV[2] <= NOW
        and not redis.call('ZSCORE', PREFIX .. 'unsent', id) then
        send[#send + 1] = id
      end
    end
  end
end
for _, id in ipairs(send) do
  -- Until whoever sends it says so, it counts as unsent: should that process die now.
  redis.call('ZADD', PREFIX .. 'unsent', NOW + ARGV[2], id)
  redis.call('HSET', key('job', id), 'sent_at', NOW)
end

-- Reports that nobody takes, because AI City hangs, must not pile up as messages.
local reports = {}
if not reports_wait_for() and redis.call('LLEN', PREFIX .. 'reports') == 0 then
  reports = due(key('state', 'finished'))
end
for _, id in ipairs(reports) do
  redis.call('ZADD', key('state', 'finished'), NOW + ARGV[3], id)
end

-- The index forgets what has expired: reported jobs, and refused ones that are listed no more.
for _, state in ipairs({'reported', 'quarantined'}) do
  local old = redis.call('ZRANGEBYSCORE', key('state', state), '-inf', NOW - ARGV[4], 'LIMIT', 0, limit)
  for _, id in ipairs(old) do
    if redis.call('EXISTS', key('job', id)) == 0 then
      redis.call('ZREM', key('state', state), id)
    else
      redis.call('ZADD', key('state', state), NOW, id)
    end
  end
end
return {rescued, send, reports, is_new}
