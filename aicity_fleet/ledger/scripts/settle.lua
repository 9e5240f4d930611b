-- finished -> reported, by the holder of the report.
-- ARGV: id, token, receipt JSON, retention in ms
-- Reply: 1, or 0 when the token is not the current one
local id = ARGV[1]
if not owns_report(id, ARGV[2]) then
  return 0
end
redis.call('HSET', key('job', id), 'receipt', ARGV[3])
move(id, 'reported', NOW)
note(id, 'reported', ARGV[3])
redis.call('PEXPIRE', key('job', id), ARGV[4])
redis.call('PEXPIRE', key('audit', id), ARGV[4])
redis.call('PEXPIRE', key('journal', id), ARGV[4])
return 1
