-- Take the marks of jobs away that have been archived, and name the next ones.
-- ARGV: for how long jobs go on being marked in ms, the most to name, then for each archived job its id and mark
-- Reply: {1 if jobs were marked up to now, else 0; ids and marks in turn}
local was_marking = tonumber(control('archives_until') or '0') > NOW and 1 or 0
redis.call('HSET', CONTROLS, 'archives_until', NOW + ARGV[1])
redis.call('PEXPIRE', TO_ARCHIVE, ARGV[1])
for i = 3, #ARGV, 2 do
  if redis.call('ZSCORE', TO_ARCHIVE, ARGV[i]) == ARGV[i + 1] then
    redis.call('ZREM', TO_ARCHIVE, ARGV[i])
  end
end
return {was_marking, redis.call('ZRANGE', TO_ARCHIVE, 0, ARGV[2] - 1, 'WITHSCORES')}
