-- A run got its answers from a model endpoint: the breaker closes.
-- ARGV: endpoint, recent_ms: for how long the trouble of a job stays known
-- Reply: 1 when there was trouble since the last success, else 0
local endpoint = ARGV[1]
if redis.call('HEXISTS', BREAKERS, endpoint) == 0 then
  return 0
end
local before = read_breaker(endpoint)
close_breaker(endpoint, before, NOW - ARGV[2])
return before.troubles > 0 and 1 or 0
