-- A person tells the guard how many failures in a row stand at AI City, in place of what it counted or assumed.
-- A failure that was sent and has no definite answer yet counts besides.
-- ARGV: that number
-- Reply: {failures seen before, failures assumed before}
local seen, assumed, row = failures_seen(), guard_count('assumed'), tonumber(ARGV[1])
-- `failed` never goes back: a completion that was sent before remembers it.
local failed = math.max(guard_count('failed'), row)
redis.call('HSET', GUARD, 'failed', failed, 'cleared', failed - row)
redis.call('HDEL', GUARD, 'assumed', 'cleared_by', 'cleared_from', 'assumed_from')
let_one_go()
return {seen, assumed}
