-- AI City refused our key: stop intake and reports until a person resumes them or the key changes.
-- ARGV: why, fingerprint of the key
-- Reply: 1, or 0 when they were stopped already
redis.call('HSETNX', CONTROLS, 'probed_at', NOW)
return redis.call('HSETNX', CONTROLS, 'stopped',
  cjson.encode({at = NOW, why = ARGV[1], key = ARGV[2]}))
