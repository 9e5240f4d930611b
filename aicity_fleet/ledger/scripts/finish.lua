-- running -> finished: the outcome goes into the outbox. The first outcome stands for ever.
-- ARGV: id, token, outcome JSON, kind ('complete' or 'fail'), ms until the sweep may report it,
--       gate's score or '', then what the attempt used, see `add_usage`
-- Reply: the state that the job is in now, or '' when the token is not the current one or an outcome
--        stands already. The same call again (its first reply was lost) is answered alike.
local id, token = ARGV[1], ARGV[2]
local job = key('job', id)
if redis.call('HEXISTS', job, 'outcome') == 1 then
  return redis.call('HGET', job, 'finish_token') == token and redis.call('HGET', job, 'state') or ''
end
if not owns_run(id, token) then
  return ''
end
add_usage(id, 7)
redis.call('HSET', job, 'finish_token', token, 'score', ARGV[6])
into_outbox(id, ARGV[3], ARGV[4], NOW + ARGV[5])
return redis.call('HGET', job, 'state')
