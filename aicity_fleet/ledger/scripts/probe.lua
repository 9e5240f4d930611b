-- Whether one request may try AI City although intake is stopped: once in a while the key may work again.
-- ARGV: ms between two tries
-- Reply: 1 for whoever may try, else 0
if tonumber(redis.call('HGET', CONTROLS, 'probed_at') or '0') + ARGV[1] > NOW then
  return 0
end
redis.call('HSET', CONTROLS, 'probed_at', NOW)
return 1
