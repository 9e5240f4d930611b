-- finished -> quarantined, by the holder of the report: a person has to look. Nothing is dropped.
-- ARGV: id, token, why, 1 when AI City refused it for certain: then it is no failure of the
--       agent's; failures in a row that the guard lets out
-- Reply: 1, or 0 when the token is not the current one
local id = ARGV[1]
if not owns_report(id, ARGV[2]) then
  return 0
end
local was_pending = redis.call('SREM', GUARD_PENDING, id)
if ARGV[4] == '1' then
  redis.call('HSET', key('job', id), 'refused', 1)
  let_one_go(ARGV[5])
elseif was_pending == 1 then
  redis.call('HINCRBY', GUARD, 'failed', 1) -- it may stand: counted, so that a success can clear it
end
lay_aside(id, ARGV[3])
return 1
