-- A run got its answers from a model endpoint: the breaker closes. Which jobs had trouble there lately stays known:
-- a busy endpoint serves one call and not the next.
-- ARGV: endpoint, recent_ms: for how long the trouble of a job stays known
-- Reply: 1 when there was trouble since the last success, else 0
local endpoint, recently = ARGV[1], NOW - ARGV[2]
if redis.call('HEXISTS', BREAKERS, endpoint) == 0 then
  return 0
end
local before = read_breaker(endpoint)
local last = before.jobs[#before.jobs]
if last and last[2] >= recently then
  write_breaker(endpoint, {troubles = 0, opens = 0, jobs = before.jobs, worked_at = NOW})
else
  redis.call('HDEL', BREAKERS, endpoint)
end
return before.troubles > 0 and 1 or 0
