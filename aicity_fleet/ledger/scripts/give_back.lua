-- Drop the reservation of a model call that failed: it has cost nothing, as far as anybody can tell.
-- ARGV: name of the reservation
-- Reply: 1, or 0 when there was none
return redis.call('HDEL', RESERVED, ARGV[1])
