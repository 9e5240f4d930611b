-- Prolong the leases of all jobs of one process in one call. A lapsed lease is not revived: its holder has
-- stopped the job by then, and the sweep is about to make it runnable.
-- ARGV: lease in ms, then of each job its id, token and progress as JSON (or '')
-- Reply: {ids that are no longer ours, ids that a person cancelled}
local lost, cancelled = {}, {}
for i = 2, #ARGV, 3 do
  local id, progress = ARGV[i], ARGV[i + 2]
  local job = key('job', id)
  local lapses_at = tonumber(redis.call('ZSCORE', key('state', 'running'), id) or '0')
  if owns_run(id, ARGV[i + 1]) and lapses_at > NOW then
    redis.call('ZADD', key('state', 'running'), NOW + ARGV[1], id)
    if progress ~= '' and redis.call('HGET', job, 'progress') ~= progress then
      redis.call('HSET', job, 'progress', progress)
    end
    if redis.call('HEXISTS', job, 'cancel') == 1 then
      cancelled[#cancelled + 1] = id
    end
  else
    lost[#lost + 1] = id
  end
end
return {lost, cancelled}
