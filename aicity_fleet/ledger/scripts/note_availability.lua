-- Remember which availability AI City was told last, to tell it only what changed.
-- ARGV: availability
-- Reply: 1
redis.call('HSET', CONTROLS, 'availability', ARGV[1])
return 1
