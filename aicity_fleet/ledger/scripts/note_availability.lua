-- Record the availability that AI City was told last, so that only a change is sent.
-- ARGV: availability
-- Reply: 1
redis.call('HSET', CONTROLS, 'availability', ARGV[1])
return 1
