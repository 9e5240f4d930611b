-- AI City asked us to wait. This never shortens a longer wait.
-- ARGV: ms
-- Reply: ms until requests may go out again
local until_then = math.max(tonumber(control('quiet_until') or '0'), NOW + ARGV[1])
redis.call('HSET', CONTROLS, 'quiet_until', until_then)
return until_then - NOW
