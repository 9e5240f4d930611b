-- A run got its answers from a model endpoint: the breaker closes.
-- ARGV: endpoint
-- Reply: 1 when there was trouble before, else 0
return redis.call('HDEL', BREAKERS, ARGV[1])
