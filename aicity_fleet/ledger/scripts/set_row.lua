-- A person tells the guard how many failures in a row stand at AI City, in place of what it counted or assumed.
-- A failure that was sent and has no definite answer yet counts besides.
-- ARGV: that number
-- Reply: {failures seen before, failures assumed before}
local seen, assumed, failed = failures_seen(), guard_count('assumed'), guard_count('failed')
-- They get numbers of their own: no completion that was sent before ends them.
redis.call('HSET', GUARD, 'failed', failed + ARGV[1], 'cleared', failed)
redis.call('HDEL', GUARD, 'assumed', 'cleared_by', 'cleared_from', 'assumed_from')
let_one_go()
return {seen, assumed}
