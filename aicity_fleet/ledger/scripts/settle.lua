-- finished -> reported, by the holder of the report.
-- ARGV: id, token, receipt JSON, retention in ms, what it means for the agent's reputation:
--       'success', 'failure' or 'nothing'; failures in a row that the guard lets out
-- Reply: 1, or 0 when the token is not the current one
local id = ARGV[1]
if not owns_report(id, ARGV[2]) then
  -- It was sent before a wipe, or by a process that slept: AI City accepted it all the same.
  if ARGV[5] == 'failure' and redis.call('HGET', key('job', id), 'state') ~= 'reported' then
    count_failure(ARGV[6])
  end
  return 0
end
redis.call('HSET', key('job', id), 'receipt', ARGV[3])
move(id, 'reported', NOW)
note(id, 'reported', ARGV[3])
redis.call('SREM', GUARD_PENDING, id)
redis.call('SREM', GUARD_UNSURE, id)
local mark = tonumber(redis.call('HGET', key('job', id), 'guard_mark') or '0')
if ARGV[5] == 'failure' then
  count_failure(ARGV[6])
else
  if ARGV[5] == 'success' then
    redis.call('HDEL', GUARD, 'assumed')
    if mark > guard_count('cleared') then
      redis.call('HSET', GUARD, 'cleared', mark)
    end
  end
  let_one_go(ARGV[6]) -- and not after a failure: one between two successes
end
redis.call('PEXPIRE', key('job', id), ARGV[4])
redis.call('PEXPIRE', key('audit', id), ARGV[4])
redis.call('PEXPIRE', key('journal', id), ARGV[4])
return 1
