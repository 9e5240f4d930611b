-- Record that a model which was offered the tool hands in without it; or that it uses the tool.
-- ARGV: endpoint, how it handed in ('' with the tool)
-- Reply: 1
local field = 'hand_in:' .. ARGV[1]
if ARGV[2] == '' then
  redis.call('HDEL', CONTROLS, field)
else
  redis.call('HSET', CONTROLS, field, cjson.encode({how = ARGV[2], at = NOW}))
end
return 1
