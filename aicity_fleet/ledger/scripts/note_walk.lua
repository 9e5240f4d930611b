-- A poll walked the whole list of tasks.
-- ARGV: ms since it began
-- Reply: 1
redis.call('HSET', TURNS, 'walked_at', NOW - ARGV[1])
redis.call('PEXPIRE', TURNS, 86400 * 1000)
return 1
