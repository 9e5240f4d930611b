-- One walk over what is due: lapsed leases, jobs without a message, reports that wait.
-- ARGV: most jobs of each kind, ms after which a message counts as lost, ms until a report that is
--       handed out here is handed out again, retention in ms, lapsed leases after
--       which a job is laid aside
-- Reply: {rescued ids, ids to send to the jobs queue, ids to send to the reports queue}
local limit = tonumber(ARGV[1])

local function due(set)
  return redis.call('ZRANGEBYSCORE', set, '-inf', NOW, 'LIMIT', 0, limit)
end

local rescued = due(key('state', 'running'))
for _, id in ipairs(rescued) do
  local job = key('job', id)
  local lapses = redis.call('HINCRBY', job, 'lapses', 1)
  local owner = redis.call('HGET', job, 'owner')
  queue(id, NOW)
  note(id, 'rescued', 'lease ' .. lapses .. ' lapsed, was ' .. (owner or ''))
  if lapses >= tonumber(ARGV[5]) then
    redis.call('HSET', job, 'reason', lapses .. ' of its leases lapsed: it may kill its worker')
    move(id, 'quarantined', NOW)
    note(id, 'quarantined', 'too many leases lapsed')
  end
end

local send = due(PREFIX .. 'unsent')
-- A message that was sent and never led to a claim is lost; but only an empty queue proves it, else
-- a long backlog would be multiplied.
if redis.call('LLEN', PREFIX .. 'jobs') == 0 then
  for _, id in ipairs(due(key('state', 'queued'))) do
    local sent_at = tonumber(redis.call('HGET', key('job', id), 'sent_at') or '0')
    if sent_at + ARGV[2] <= NOW and not redis.call('ZSCORE', PREFIX .. 'unsent', id) then
      send[#send + 1] = id
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
if redis.call('LLEN', PREFIX .. 'reports') == 0 then
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
return {rescued, send, reports}
