-- running or finished -> quarantined, by the holder of the run or of the report: a person has to look. Nothing is
-- dropped.
-- ARGV: id, token, then named:
--   why, and cause: a word to count it by
--   was_refused: '1' when AI City certainly refused it, so that it is no failure of the agent's
-- Reply: 1, or 0 when the token is not the current one
local id, arg = ARGV[1], named(3)
if owns_report(id, ARGV[2]) then
  local was_pending = redis.call('SREM', GUARD_PENDING, id) + redis.call('SREM', GUARD_UNSURE, id)
  if arg.was_refused == '1' then
    redis.call('HSET', key('job', id), 'refused', 1)
    let_one_go()
  elseif was_pending == 1 then
    count_failure() -- it may stand; a success clears it
  end
elseif not owns_run(id, ARGV[2]) then -- of a run, AI City knows nothing; and a worker may not write the guard
  return 0
end
put_in_quarantine(id, arg.why, arg.cause)
return 1
