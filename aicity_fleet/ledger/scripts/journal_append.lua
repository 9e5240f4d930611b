-- Append an entry to the journal of a running job, and put what the call cost on its bill.
-- ARGV: id, token, ordinal, entry, most bytes of all entries together, then what the call cost, see
--       `book_call`
-- Reply: 1; 0 when the token is not the current one; -1 when the journal would grow too large: what was
--        bought is on the bill all the same. The same entry again (its first reply was lost) is answered 1.
local id, ordinal = ARGV[1], tonumber(ARGV[3])
if not owns_run(id, ARGV[2]) then
  return 0
end
local journal = key('journal', id)
if redis.call('LINDEX', journal, ordinal) == ARGV[4] then
  return 1
end
book_call(id, 6)
local length = redis.call('LLEN', journal)
if length > ordinal then
  redis.call('LTRIM', journal, 0, ordinal - 1)
  if ordinal == 0 then
    redis.call('DEL', journal)
  end
elseif length < ordinal then
  return redis.error_reply('JOURNAL entry ' .. ordinal .. ' does not follow ' .. length - 1)
end
-- Adding up the lengths takes some milliseconds at most, and no second record of the total can be wrong.
local bytes = #ARGV[4]
for _, entry in ipairs(redis.call('LRANGE', journal, 0, -1)) do
  bytes = bytes + #entry
end
if bytes > tonumber(ARGV[5]) then
  note(id, 'journal_full', 'entry ' .. ordinal .. ' would make it ' .. bytes .. ' bytes')
  return -1
end
redis.call('RPUSH', journal, ARGV[4])
return 1
