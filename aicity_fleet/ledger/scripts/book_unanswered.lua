-- Book a model call that was sent and got no answer: the provider may charge for it. Job and day are
-- charged even when the lease is no longer ours. It also drops the call's reservation.
-- ARGV: id, then named:
--   reservation: its name
--   cost: an estimate in picodollars, '0' when the price is unknown
--   call: a random id of the call: a repetition, after the first reply was lost, books nothing
-- Reply: 1; 0 when there is no such job
local id, arg = ARGV[1], named(2)
local job, day = key('job', id), today()
redis.call('HDEL', RESERVED, arg.reservation)
if redis.call('HGET', job, 'unanswered_last') == arg.call then
  return 1
end
count('unanswered_calls')
redis.call('HINCRBY', day, 'unanswered', 1)
redis.call('HINCRBY', day, 'estimated', arg.cost)
redis.call('PEXPIRE', day, SPENDING_KEPT_MS)
if redis.call('EXISTS', job) == 0 then
  return 0
end
redis.call('HINCRBY', job, 'unanswered_calls', 1)
redis.call('HINCRBY', job, 'unanswered_cost', arg.cost)
redis.call('HSET', job, 'unanswered_last', arg.call)
return 1
