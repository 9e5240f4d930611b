-- A report could not be delivered: try again later.
-- ARGV: id, token, delay in ms, why
-- Reply: 1, or 0 when the token is not the current one
local id = ARGV[1]
if not owns_report(id, ARGV[2]) then
  return 0
end
local due = NOW + ARGV[3]
redis.call('HSET', key('job', id), 'report_due', due, 'report_lease_until', 0, 'reason', ARGV[4])
redis.call('ZADD', key('state', 'finished'), due, id)
note(id, 'report_postponed', ARGV[4])
return 1
