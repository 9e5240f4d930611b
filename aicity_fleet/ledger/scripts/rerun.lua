-- quarantined or held -> queued, by a person: the job is run again, and its outcome is discarded.
-- ARGV: id, why, '1' to keep the journal in any case
-- Reply: {1 or 0, state before, what stands against it or ''}
--
-- An outcome that AI City may have accepted is never discarded: another could be a second ending.
-- A job that only ran out of something goes on from its journal, as does one whose journal is kept on
-- request. Otherwise the journal is discarded: the same answers would lead to the same outcome.
local id = ARGV[1]
local job = key('job', id)
local fields = redis.call('HMGET', job, 'state', 'task', 'outcome', 'tried', 'refused')
local state = fields[1] or ''
if state ~= 'quarantined' and state ~= 'held' then
  return {0, state, ''}
end
if not fields[2] or fields[2] == 'null' then
  return {0, state, 'no_task'}
end
if fields[4] and not fields[5] then
  return {0, state, 'may_be_accepted'}
end
if fields[4] then
  -- Another outcome under the same key would be answered for the one that was refused, or refused as well.
  redis.call('HINCRBY', job, 'refusals', 1)
end
local keeps_journal = ARGV[3] == '1' or not fields[3]
  or RULES.journal_is_kept_after[cjson.decode(fields[3]).code]
if not keeps_journal then
  redis.call('DEL', key('journal', id))
end
redis.call('HDEL', job, 'outcome', 'outcome_kind', 'finish_token', 'finished_at', 'score', 'judgement', 'refused',
  'tried', 'first_report_at', 'report_lease_until', 'guard_mark', 'despite_guard', 'isolated', 'cancel', 'failure_counted', 'reason', 'lapsed_in')
redis.call('HSET', job, 'lapses', 0, 'releases', 0, 'breaks', 0, 'troubles', 0, 'excuses', 0)
queue(id, NOW)
note(id, 'rerun', ARGV[2])
return {1, state, ''}
