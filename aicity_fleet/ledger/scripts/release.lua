-- running -> queued, by the holder of the lease; a cancelled job is laid aside instead.
-- ARGV: id, token, delay in ms, why, the count that this adds to ('releases' or 'breaks') or '',
--       then what the attempt used, see `add_usage`
-- Reply: 1, or 0 when the token is not the current one
local id = ARGV[1]
if not owns_run(id, ARGV[2]) then
  return 0
end
local job = key('job', id)
add_usage(id, 6)
if ARGV[5] ~= '' then
  redis.call('HINCRBY', job, ARGV[5], 1)
end
local cancelled = redis.call('HGET', job, 'cancel')
if cancelled then
  lay_aside(id, cancelled)
  return 1
end
redis.call('HSET', job, 'reason', ARGV[4])
queue(id, NOW + ARGV[3])
note(id, 'released', ARGV[4])
return 1
