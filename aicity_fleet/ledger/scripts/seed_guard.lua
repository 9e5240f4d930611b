-- A guard that begins anew learns how many failures in a row stand, or assumes the worst.
-- ARGV: failures that the profile tells of or '', failures to assume otherwise
-- Reply: 1, or 0 when it knew already
if redis.call('EXISTS', GUARD) == 1 then
  return 0
end
if ARGV[1] ~= '' then
  redis.call('HSET', GUARD, 'failed', ARGV[1])
else
  redis.call('HSET', GUARD, 'failed', 0, 'assumed', ARGV[2])
end
return 1
