-- Discard the journal of a running job from one entry on.
-- ARGV: id, token, ordinal
-- Reply: 1, or 0 when the token is not the current one
local id, ordinal = ARGV[1], tonumber(ARGV[3])
if not owns_run(id, ARGV[2]) then
  return 0
end
truncate(key('journal', id), ordinal)
note(id, 'journal_discarded', 'from entry ' .. ordinal)
return 1
