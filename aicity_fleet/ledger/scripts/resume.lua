-- End a pause; 'stopped' ends the stop that a refused key caused.
-- ARGV: what
-- Reply: 1, or 0 when it was not paused
if ARGV[1] == 'stopped' then
  return redis.call('HDEL', CONTROLS, 'stopped', 'probed_at', 'probes')
end
return redis.call('HDEL', CONTROLS, 'pause:' .. ARGV[1])
