-- Read what is switched off, the guard and the breakers.
-- ARGV: none
-- Reply: {now in ms, controls as field-value list, failures seen, failures assumed, breakers as
--        field-value list, 1 when the guard knows the row of failures or 0, jobs in hand, 1 when the
--        brake is set or 0, the latest endings, 1 when the cap of the day keeps jobs back or 0}
return {NOW, redis.call('HGETALL', CONTROLS), failures_seen(), guard_count('assumed'),
  redis.call('HGETALL', BREAKERS), redis.call('EXISTS', GUARD), redis.call('ZCARD', key('state', 'queued'))
  + redis.call('ZCARD', key('state', 'running')) + redis.call('ZCARD', key('state', 'finished')),
  is_braked() and 1 or 0, redis.call('LRANGE', RECENT, 0, -1), day_is_over() and 1 or 0}
