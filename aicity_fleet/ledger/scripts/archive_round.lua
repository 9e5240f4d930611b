-- Take the marks of jobs away that have been archived, and name the next ones.
-- ARGV: for how long jobs go on being marked in ms, the most to name, then for each archived job its id and mark
-- Reply: ids and marks in turn
if tonumber(control('archives_until') or '0') < NOW then
  -- Nobody archived lately: begin with all jobs that are settled.
  redis.call('ZUNIONSTORE', TO_ARCHIVE, 2, TO_ARCHIVE, key('state', 'reported'), 'WEIGHTS', 1, 0)
  redis.call('PEXPIRE', TO_ARCHIVE, ARGV[1])
end
redis.call('HSET', CONTROLS, 'archives_until', NOW + ARGV[1])
for i = 3, #ARGV, 2 do
  if redis.call('ZSCORE', TO_ARCHIVE, ARGV[i]) == ARGV[i + 1] then
    redis.call('ZREM', TO_ARCHIVE, ARGV[i])
  end
end
return redis.call('ZRANGE', TO_ARCHIVE, 0, ARGV[2] - 1, 'WITHSCORES')
