-- Append an entry to the journal of a running job, and put what the call cost on its bill.
-- ARGV: id, token, ordinal, entry JSON, then what the call cost, see `book_call`
-- Reply: 1; 0 when the token is not the current one. The same entry again (its first reply was lost)
--        is answered 1.
local id, ordinal = ARGV[1], tonumber(ARGV[3])
if not owns_run(id, ARGV[2]) then
  return 0
end
local journal = key('journal', id)
if redis.call('LINDEX', journal, ordinal) == ARGV[4] then
  return 1
end
book_call(id, 5)
local length = redis.call('LLEN', journal)
if length > ordinal then
  redis.call('LTRIM', journal, 0, ordinal - 1)
  if ordinal == 0 then
    redis.call('DEL', journal)
  end
elseif length < ordinal then
  return redis.error_reply('JOURNAL entry ' .. ordinal .. ' does not follow ' .. length - 1)
end
redis.call('RPUSH', journal, ARGV[4])
return 1
