-- running -> finished: the outcome goes into the outbox. The first outcome stands.
-- ARGV: id, token, then named:
--   outcome: JSON
--   kind: 'complete' or 'fail'
--   grace_ms: how long the sweep leaves sending the message to the caller
--   score: the gate's, or ''
--   team: its name, for the brake and the counts
--   ending: 'complete', or the code of the failure
--   rounds: how often something was handed in
--   what the attempt used, see `add_usage`
-- Reply: {the state that the job is in now, messages on the reports queue, or 1 when a process that listens was told};
--        the state is '' when the token is not the current one or an outcome stands already. A repetition of the
--        call, after its first reply was lost, gets the same state.
local id, token, arg = ARGV[1], ARGV[2], named(3)
local job = key('job', id)
local function reply(state)
  local waiting = redis.call('LLEN', PREFIX .. 'reports')
  if state == 'finished' and waiting == 0 and tonumber(redis.call('HGET', TURNS, 'listens_until') or '0') > NOW then
    redis.call('HDEL', TURNS, 'listens_until')
    redis.call('LPUSH', HEARD, id)
    redis.call('PEXPIRE', HEARD, 10000)
    waiting = 1
  end
  return {state, waiting}
end
if redis.call('HEXISTS', job, 'outcome') == 1 then
  return reply(redis.call('HGET', job, 'finish_token') == token and redis.call('HGET', job, 'state') or '')
end
if not owns_run(id, token) then
  return reply('')
end
add_usage(id, arg)
redis.call('HSET', job, 'finish_token', token, 'score', arg.score)
note_ending(arg.kind, arg.team, arg.model)
count('endings|' .. arg.ending .. '|' .. arg.team)
observe('run', tonumber(arg.ran_ms))
if tonumber(arg.rounds) > 1 then
  count('rework|' .. arg.team, arg.rounds - 1)
end
if arg.score ~= '' then
  count('score|' .. arg.score) -- there are only 101
end
into_outbox(id, arg.outcome, arg.kind, NOW + arg.grace_ms)
return reply(redis.call('HGET', job, 'state'))
