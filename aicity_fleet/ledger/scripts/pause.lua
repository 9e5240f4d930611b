-- Pause intake, starts or reports. A pause that stands keeps its beginning and its reason.
-- ARGV: what, why
-- Reply: 1, or 0 when it was paused already
return redis.call('HSETNX', CONTROLS, 'pause:' .. ARGV[1], cjson.encode({at = NOW, why = ARGV[2]}))
