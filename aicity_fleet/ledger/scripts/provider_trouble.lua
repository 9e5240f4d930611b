-- A run had trouble with a model endpoint: after some in a row nothing starts there for a while.
-- ARGV: endpoint, why, troubles in a row that open it, ms that it is open the first time, most ms,
--       ms that the provider itself asked for or 0, '1' when only a person can mend it
-- Reply: ms until the next start there; 0 while the breaker stays closed
local endpoint = ARGV[1]
local breaker = read_breaker(endpoint)
local open_until = breaker.open_until or 0
breaker.troubles = breaker.troubles + 1
breaker.why, breaker.is_fatal = ARGV[2], ARGV[7] == '1'
-- What was under way when it opened says nothing new; a probe, and what began later, does.
local says_more = open_until <= NOW or breaker.is_probing or breaker.is_fatal
if says_more and (breaker.opens > 0 or breaker.is_fatal or breaker.troubles >= tonumber(ARGV[3])) then
  local wait = breaker.is_fatal and tonumber(ARGV[5])
    or math.min(tonumber(ARGV[5]), ARGV[4] * 2 ^ math.min(breaker.opens, 20))
  breaker.opens, open_until = breaker.opens + 1, NOW + wait
end
if tonumber(ARGV[6]) > 0 then
  open_until = math.max(open_until, NOW + ARGV[6])
end
if open_until > NOW then
  breaker.open_until, breaker.is_probing = open_until, false
end
write_breaker(endpoint, breaker)
return math.ceil(math.max(0, open_until - NOW))
