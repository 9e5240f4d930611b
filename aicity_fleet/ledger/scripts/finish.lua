-- running -> finished: the outcome goes into the outbox. The first outcome stands for ever.
-- ARGV: id, token, outcome JSON, kind ('complete' or 'fail'), ms until the sweep may report it,
--       gate's score or '', then what the attempt used, see `add_usage`
-- Reply: 1, or 0 when the token is not the current one or an outcome stands already. The same call
--        again (its first reply was lost) is answered 1.
local id, token = ARGV[1], ARGV[2]
local job = key('job', id)
if redis.call('HEXISTS', job, 'outcome') == 1 then
  return redis.call('HGET', job, 'finish_token') == token and 1 or 0
end
if not owns_run(id, token) then
  return 0
end
add_usage(id, 7)
redis.call('HSET', job, 'outcome', ARGV[3], 'outcome_kind', ARGV[4], 'finish_token', token,
  'finished_at', NOW, 'report_attempt', 0, 'report_due', NOW, 'owner', '', 'score', ARGV[6])
redis.call('HDEL', job, 'reason')
move(id, 'finished', NOW + ARGV[5])
note(id, 'finished', ARGV[4])
return 1
