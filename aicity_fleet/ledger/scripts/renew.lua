-- Prolong the leases of all jobs of one process in one call.
-- ARGV: lease in ms, then id and token of each job
-- Reply: the ids that are no longer owned
local lost = {}
for i = 2, #ARGV, 2 do
  if owns_run(ARGV[i], ARGV[i + 1]) then
    redis.call('ZADD', key('state', 'running'), NOW + ARGV[1], ARGV[i])
  else
    lost[#lost + 1] = ARGV[i]
  end
end
return lost
