-- finished -> reported, by the holder of the report.
-- ARGV: id, token, then named:
--   receipt: JSON
--   retention_ms
--   meaning: for the agent's reputation; 'success', 'failure' or 'nothing'
-- Reply: 1, or 0 when the token is not the current one
local id, arg = ARGV[1], named(3)
local job = key('job', id)
if not owns_report(id, ARGV[2]) then
  -- It was sent before a wipe, or by a process that slept: AI City accepted it all the same.
  if arg.meaning == 'failure' and redis.call('HGET', job, 'state') ~= 'reported' then
    count_failure()
  end
  return 0
end
redis.call('HSET', job, 'receipt', arg.receipt)
move(id, 'reported', NOW)
note(id, 'reported', arg.receipt)
redis.call('SREM', GUARD_PENDING, id)
redis.call('SREM', GUARD_UNSURE, id)
local mark = tonumber(redis.call('HGET', job, 'guard_mark') or '0')
if arg.meaning == 'failure' then
  count_failure()
else
  if arg.meaning == 'success' then
    redis.call('HDEL', GUARD, 'assumed')
    if mark > guard_count('cleared') then
      redis.call('HSET', GUARD, 'cleared', mark)
    end
  end
  let_one_go() -- never after a failure: one failure between two successes
end
expire_job(id, arg.retention_ms)
return 1
