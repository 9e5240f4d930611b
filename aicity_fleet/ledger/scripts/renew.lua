-- Prolong the leases of all jobs of one process in one call. One that has lapsed is not revived: its holder
-- has stopped the job by then, and the sweep is about to make it runnable.
-- ARGV: lease in ms, then id and token of each job
-- Reply: {ids that are no longer owned, ids that a person cancelled}
local lost, cancelled = {}, {}
for i = 2, #ARGV, 2 do
  local id = ARGV[i]
  local lapses_at = tonumber(redis.call('ZSCORE', key('state', 'running'), id) or '0')
  if owns_run(id, ARGV[i + 1]) and lapses_at > NOW then
    redis.call('ZADD', key('state', 'running'), NOW + ARGV[1], id)
    if redis.call('HEXISTS', key('job', id), 'cancel') == 1 then
      cancelled[#cancelled + 1] = id
    end
  else
    lost[#lost + 1] = id
  end
end
return {lost, cancelled}
