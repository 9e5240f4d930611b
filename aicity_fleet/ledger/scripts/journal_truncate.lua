-- Discard the journal of a running job from one entry on.
-- ARGV: id, token, ordinal
-- Reply: 1; 0 when the token is not the current one
local id, ordinal = ARGV[1], tonumber(ARGV[3])
if not owns_run(id, ARGV[2]) then
  return 0
end
if ordinal == 0 then
  redis.call('DEL', key('journal', id))
else
  redis.call('LTRIM', key('journal', id), 0, ordinal - 1)
end
note(id, 'journal_discarded', 'from entry ' .. ordinal)
return 1
