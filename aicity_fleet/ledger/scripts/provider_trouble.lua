-- A run had trouble with a model endpoint. After some troubles in a row nothing starts there for a while.
-- ARGV: endpoint, why, then named:
--   threshold: troubles in a row that open the breaker
--   first_ms: how long it stays open the first time
--   longest_ms: how long it stays open at most
--   asked_ms: the wait that the provider itself asked for, or 0
--   is_fatal: '1' when only a person can fix it
-- Reply: ms until the next start there; 0 while the breaker stays closed
local endpoint, arg = ARGV[1], named(3)
local breaker = read_breaker(endpoint)
local open_until = breaker.open_until or 0
breaker.troubles = breaker.troubles + 1
breaker.why, breaker.is_fatal = ARGV[2], arg.is_fatal == '1'
-- A run that was under way when the breaker opened tells nothing new; a probe and a later run do.
local is_news = open_until <= NOW or breaker.is_probing or breaker.is_fatal
local opens = breaker.opens > 0 or breaker.is_fatal or breaker.troubles >= tonumber(arg.threshold)
if is_news and opens then
  local longest = tonumber(arg.longest_ms)
  local wait = breaker.is_fatal and longest
    or math.min(longest, arg.first_ms * 2 ^ math.min(breaker.opens, 20))
  breaker.opens, open_until = breaker.opens + 1, NOW + wait
end
if tonumber(arg.asked_ms) > 0 then
  open_until = math.max(open_until, NOW + arg.asked_ms)
end
if open_until > NOW then
  breaker.open_until, breaker.is_probing = open_until, false
end
write_breaker(endpoint, breaker)
return math.ceil(math.max(0, open_until - NOW))
