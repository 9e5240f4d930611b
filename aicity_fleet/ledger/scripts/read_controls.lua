-- What is switched off, by whom, and how the guard and the breakers stand.
-- ARGV: none
-- Reply: {now in ms, controls as field-value list, failures seen, failures assumed, breakers as
--        field-value list, whether the guard knows the row (1) or begins anew (0)}
return {NOW, redis.call('HGETALL', CONTROLS), failures_seen(), guard_count('assumed'),
  redis.call('HGETALL', BREAKERS), redis.call('EXISTS', GUARD)}
