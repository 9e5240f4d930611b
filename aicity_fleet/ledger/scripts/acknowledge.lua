-- A person leaves a quarantined job as it is: from now on it waits for nobody.
-- ARGV: id, why
-- Reply: {1 or 0, state, ''}
local id = ARGV[1]
local state = redis.call('HGET', key('job', id), 'state') or ''
if state ~= 'quarantined' then
  return {0, state, ''}
end
decide(id, 'acknowledged')
note(id, 'acknowledged', ARGV[2])
return {1, state, ''}
