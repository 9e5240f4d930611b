-- Pause intake, starts or reports; a pause that stands keeps its beginning.
-- ARGV: what, why
-- Reply: 1, or 0 when it was paused already
return redis.call('HSETNX', CONTROLS, 'pause:' .. ARGV[1], cjson.encode({at = NOW, why = ARGV[2]}))
