-- A run had trouble with a model endpoint. When different jobs had, nothing starts there for a while.
-- ARGV: endpoint, why, then named:
--   job: the job whose run it was
--   threshold: jobs in trouble, with no success between, that open the breaker
--   first_ms: how long it stays open the first time
--   longest_ms: how long it stays open at most
--   asked_ms: the wait that the provider itself asked for, or 0
--   recent_ms: for how long the same trouble of another job confirms this one
--   confirms: '1' when this trouble confirms that of other jobs
--   is_fatal: '1' when only a person can fix it
--   still_serves: '1' when the endpoint passed a health check after the trouble: the breaker closes
-- Reply: {ms until the next start there, or 0 while the breaker stays closed; how many other jobs had
--        the same trouble there recently}
local endpoint, arg = ARGV[1], named(3)
local breaker = read_breaker(endpoint)
local open_until = breaker.open_until or 0
local is_fatal = arg.is_fatal == '1'
breaker.troubles = breaker.troubles + 1
breaker.why, breaker.is_fatal, breaker.last_job = ARGV[2], is_fatal, arg.job
local others, in_a_row = add_trouble(breaker, arg.job, ARGV[2], NOW - arg.recent_ms, arg.confirms == '1')
-- A run that was under way when the breaker opened tells nothing new; a probe and a later run do.
local is_news = open_until <= NOW or breaker.is_probing or is_fatal
if arg.still_serves == '1' then
  breaker.open_until, breaker.is_probing, breaker.is_fatal, breaker.opens = nil, false, false, 0
  breaker.worked_at = NOW
  end_waits(endpoint)
  write_breaker(endpoint, breaker)
  return {0, others}
end
local opens = breaker.opens > 0 or is_fatal or in_a_row >= tonumber(arg.threshold)
if is_news and opens then
  local longest = tonumber(arg.longest_ms)
  local wait = is_fatal and longest
    or math.min(longest, arg.first_ms * 2 ^ math.min(breaker.opens, 20))
  breaker.opens, open_until = breaker.opens + 1, NOW + wait
  count('breaker_opens|' .. (is_fatal and 'fatal' or 'trouble'))
end
if tonumber(arg.asked_ms) > 0 then
  open_until = math.max(open_until, NOW + arg.asked_ms)
end
if open_until > NOW then
  breaker.open_until, breaker.is_probing = open_until, false
end
write_breaker(endpoint, breaker)
return {math.ceil(math.max(0, open_until - NOW)), others}
