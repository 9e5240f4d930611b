-- A report could not be delivered: try again later.
-- ARGV: id, token, delay in ms, why, AI City's answer as a word to count it by
-- Reply: 1, or 0 when the token is not the current one
local id = ARGV[1]
if not owns_report(id, ARGV[2]) then
  return 0
end
-- A repetition of the call, after its first reply was lost, finds that nobody sends it any more.
if redis.call('HGET', key('job', id), 'report_lease_until') ~= '0' then
  count('reports_postponed|' .. ARGV[5])
end
local due = NOW + ARGV[3]
redis.call('HSET', key('job', id), 'report_due', due, 'report_lease_until', 0, 'reason', ARGV[4])
redis.call('ZADD', key('state', 'finished'), due, id)
note(id, 'report_postponed', ARGV[4])
return 1
