-- Keep the summary of a poll, and count it once.
-- ARGV: id of the poll, its summary, for how many seconds it is kept, how it ended
-- Reply: {now in ms, the note of the latest poll before, or nil}
if not redis.call('SET', key('poll', ARGV[1]), ARGV[2], 'EX', ARGV[3], 'GET') then
  count('polls|' .. ARGV[4])
end
return {NOW, redis.call('GET', PREFIX .. 'last_poll')}
