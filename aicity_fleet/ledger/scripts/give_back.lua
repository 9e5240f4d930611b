-- Drop the reservation of a model call that failed: as far as the fleet can see, it cost nothing.
-- ARGV: name of the reservation
-- Reply: 1, or 0 when there was none
return redis.call('HDEL', RESERVED, ARGV[1])
