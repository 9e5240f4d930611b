-- Tell a new guard how many failures in a row stand, or have it assume the worst.
-- ARGV: failures that the agent's profile shows, or ''
-- Reply: 1, or 0 when the guard knew already
if redis.call('EXISTS', GUARD) == 1 then
  return 0
end
if ARGV[1] ~= '' then
  redis.call('HSET', GUARD, 'failed', ARGV[1])
else
  redis.call('HSET', GUARD, 'failed', 0, 'assumed', RULES.max_failures)
end
return 1
