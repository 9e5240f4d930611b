-- queued -> running. The fencing token is the number of the attempt.
-- ARGV: id, owner, lease in ms, most running jobs at once or 0
-- Reply: {token, task JSON, nonce, releases, breaks} or {'', reason}
local id, lease = ARGV[1], tonumber(ARGV[3])
local cap = tonumber(ARGV[4])
local job = key('job', id)
local fields = redis.call('HMGET', job, 'state', 'not_before', 'task', 'nonce', 'releases',
  'breaks')
if not fields[1] then
  return {'', 'unknown'}
end
if fields[1] ~= 'queued' then
  return {'', fields[1]}
end
if tonumber(fields[2] or '0') > NOW then
  return {'', 'not_due'}
end
if cap > 0 and redis.call('ZCARD', key('state', 'running')) >= cap then
  redis.call('ZADD', PREFIX .. 'unsent', NOW + 1000, id) -- its message is used up: send another
  return {'', 'over_cap'}
end
local token = redis.call('HINCRBY', job, 'attempt', 1)
move(id, 'running', NOW + lease)
redis.call('HSET', job, 'owner', ARGV[2], 'started_at', NOW)
note(id, 'claimed', 'attempt ' .. token .. ' by ' .. ARGV[2])
return {tostring(token), fields[3], fields[4], fields[5] or '0', fields[6] or '0'}
