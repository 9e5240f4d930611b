-- queued -> running. The fencing token is the number of the attempt together with the nonce.
-- ARGV: id, owner, lease in ms, most running jobs at once or 0, failures in a row at which the guard
--       closes, the model endpoint that the claimer would call or '', '1' when the job would run alone
--       in its process, ms that a probe of an endpoint may take, the day's cap in picodollars or ''
-- Reply: {attempt, task JSON, nonce, releases, breaks, picodollars spent} or {'', reason}
local id, lease, endpoint = ARGV[1], tonumber(ARGV[3]), ARGV[6]
local job = key('job', id)
local fields = redis.call('HMGET', job, 'state', 'not_before', 'task', 'nonce', 'releases',
  'breaks', 'isolated', 'spent')
if not fields[1] then
  return {'', 'unknown'}
end
if fields[1] ~= 'queued' then
  return {'', fields[1]}
end
if tonumber(fields[2] or '0') > NOW then
  return {'', 'not_due'}
end

-- The message is used up: the sweep sends another one when it is worth trying.
local function refuse(reason, due)
  redis.call('ZADD', PREFIX .. 'unsent', due, id)
  return {'', reason}
end

if is_paused('starts') then
  return refuse('paused', NOW)
end
if room_to_start(ARGV[4], ARGV[5]) < 1 then
  return refuse(failures_seen() >= tonumber(ARGV[5]) and 'guard' or 'over_cap', NOW + 1000)
end
if ARGV[9] ~= '' then
  redis.call('HSET', today(), 'cap', ARGV[9])
  redis.call('PEXPIRE', today(), SPENDING_KEPT_MS)
  if day_is_full(ARGV[9], job) then
    return refuse('day_cap', NOW + 30000) -- and not until midnight: a person may raise it
  end
end
local breaker = read_breaker(endpoint)
if breaker.open_until and breaker.open_until > NOW then
  return refuse('provider_down', breaker.open_until)
end
-- The last of all reasons: whoever is refused for it starts a process for this job.
if fields[7] and ARGV[7] ~= '1' then
  return refuse('isolated', NOW + 2000)
end
if breaker.open_until then
  breaker.open_until, breaker.is_probing = NOW + tonumber(ARGV[8]), true -- this one job finds out
  write_breaker(endpoint, breaker)
end
local token = redis.call('HINCRBY', job, 'attempt', 1)
move(id, 'running', NOW + lease)
redis.call('HSET', job, 'owner', ARGV[2], 'started_at', NOW)
note(id, 'claimed', 'attempt ' .. token .. ' by ' .. ARGV[2])
return {tostring(token), fields[3], fields[4], fields[5] or '0', fields[6] or '0',
  fields[8] or '0'}
