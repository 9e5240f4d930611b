-- finished -> quarantined, by the holder of the report: a person has to look. Nothing is dropped.
-- ARGV: id, token, why
-- Reply: 1, or 0 when the token is not the current one
local id = ARGV[1]
if not owns_report(id, ARGV[2]) then
  return 0
end
redis.call('HSET', key('job', id), 'reason', ARGV[3])
move(id, 'quarantined', NOW)
note(id, 'quarantined', ARGV[3])
return 1
