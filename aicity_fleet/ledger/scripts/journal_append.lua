-- Append an entry to the journal of a running job, and add what the call cost to the job and to the day.
-- ARGV: id, token, ordinal, then named:
--   entry: as `packing.py` stores it
--   max_bytes: most bytes of all entries together
--   endpoint: where a model answered, or '' for a tool; recent_ms: see provider_works.lua
--   what the call cost, and whose it was, see `book_call`
-- Reply: 1; 0 when the token is not the current one; -1 when the journal would grow too large: the call is
--        booked all the same. A repetition, after the first reply was lost, gets 1.
local id, ordinal, arg = ARGV[1], tonumber(ARGV[3]), named(4)
if not owns_run(id, ARGV[2]) then
  return 0
end
local journal = key('journal', id)
if redis.call('LINDEX', journal, ordinal) == arg.entry then
  return 1
end
book_call(id, arg)
-- The first answer to a probe says enough: its run may take many minutes more. So does an answer after the wait of
-- an endpoint that no claim looks at, such as the judge's.
local breaker = arg.endpoint ~= '' and read_breaker(arg.endpoint)
if breaker and breaker.open_until and (breaker.is_probing or breaker.open_until <= NOW) then
  close_breaker(arg.endpoint, breaker, NOW - arg.recent_ms)
end
local length = redis.call('LLEN', journal)
if length > ordinal then
  truncate(journal, ordinal)
elseif length < ordinal then
  return redis.error_reply('JOURNAL entry ' .. ordinal .. ' does not follow ' .. length - 1)
end
-- Adding up the lengths takes some milliseconds at most, and no second record of the total can be wrong.
local bytes = #arg.entry
for _, entry in ipairs(redis.call('LRANGE', journal, 0, -1)) do
  bytes = bytes + #entry
end
if bytes > tonumber(arg.max_bytes) then
  note(id, 'journal_full', 'entry ' .. ordinal .. ' would make it ' .. bytes .. ' bytes')
  return -1
end
redis.call('RPUSH', journal, arg.entry)
return 1
