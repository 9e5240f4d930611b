-- running -> queued, by the holder of the lease; running -> quarantined for a cancelled job.
-- ARGV: id, token, then named:
--   delay_ms: how long it may not be claimed
--   why, and cause: a word to count it by
--   counts_as: the count that this adds to, 'releases', 'excuses', 'breaks' or 'troubles', or ''
--   what the attempt used, see `add_usage`
-- Reply: 1, or 0 when the token is not the current one
local id, arg = ARGV[1], named(3)
if not owns_run(id, ARGV[2]) then
  return 0
end
local job = key('job', id)
add_usage(id, arg)
count('releases|' .. arg.cause)
-- Both are counted in a row. An answer ends it, and trouble of the endpoint ends a row of the job's own.
if tonumber(arg.model_calls) > 0 then
  redis.call('HDEL', job, 'troubles', 'excuses')
elseif arg.counts_as == 'releases' or arg.counts_as == 'excuses' then
  redis.call('HDEL', job, 'troubles')
end
if arg.counts_as ~= '' then
  redis.call('HINCRBY', job, arg.counts_as, 1)
end
local cancelled = redis.call('HGET', job, 'cancel')
if cancelled then
  put_in_quarantine(id, cancelled, 'cancelled')
  return 1
end
redis.call('HSET', job, 'reason', arg.why)
queue(id, NOW + arg.delay_ms)
note(id, 'released', arg.why)
return 1
