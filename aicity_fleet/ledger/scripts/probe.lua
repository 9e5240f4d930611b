-- Whether one request may try AI City although intake is stopped: the refused key may work again.
-- ARGV: ms until the first try, most ms between two tries; the time doubles with each try
-- Reply: 1 for the process that may try, else 0
local probes = tonumber(redis.call('HGET', CONTROLS, 'probes') or '0')
local wait = math.min(tonumber(ARGV[2]), ARGV[1] * 2 ^ math.min(probes, 20))
if tonumber(redis.call('HGET', CONTROLS, 'probed_at') or '0') + wait > NOW then
  return 0
end
redis.call('HSET', CONTROLS, 'probed_at', NOW, 'probes', probes + 1)
return 1
