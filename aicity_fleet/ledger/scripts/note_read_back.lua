-- Record what a reported task shows now. Each change has its effects once: on the trail, the earnings, the guard
-- and the team's record.
-- ARGV: id, token, then named:
--   status: as AI City wrote it, or ''
--   standing: 'completed', 'quality_check', 'disputed', 'failed', 'refunded', or '' when it shows none of these
--   paid_cents: or ''
--   thumbs_down: '1' when the buyer gave one
--   refusal: why AI City does not let us read it, or ''
--   next_ms: until it is read again, or '' for never
-- Reply: 1, or 0 when the token is not the current one
local id, arg = ARGV[1], named(3)
local job = key('job', id)
local fields = redis.call('HMGET', job, 'state', 'read_backs', 'nonce', 'standing', 'thumbs_down', 'counted',
  'may_succeed', 'failure_number')
if fields[1] ~= 'reported' or (fields[2] or '') .. ':' .. fields[3] ~= ARGV[2] then
  return 0
end
local was, later = fields[4] or '', cjson.decode(redis.call('HGET', job, 'later') or '[]')

local function happened(kind, detail)
  later[#later + 1] = {at = NOW, kind = kind, detail = detail}
  redis.call('HSET', job, 'later', cjson.encode(later))
  count('read_backs|' .. kind)
  note(id, 'read_back', kind .. (detail == '' and '' or ': ' .. detail))
end

if arg.refusal ~= '' and (#later == 0 or later[#later].kind ~= 'unreadable') then
  happened('unreadable', arg.refusal)
elseif arg.refusal == '' then
  redis.call('HSET', job, 'seen', cjson.encode({at = NOW, status = arg.status}))
end
local has_ended = was == 'failed' or was == 'refunded'
if arg.paid_cents ~= '' and arg.standing == 'completed' then
  redis.call('HSET', job, 'paid_cents', arg.paid_cents)
  if fields[6] and not has_ended then
    correct_earned(id, arg.paid_cents)
  end
end
if arg.standing ~= '' and arg.standing ~= was and not has_ended then
  redis.call('HSET', job, 'standing', arg.standing)
  happened(arg.standing, 'was ' .. was)
  if arg.standing == 'failed' or arg.standing == 'refunded' then
    redis.call('SREM', GUARD_UNSURE, id)
    -- An unknown ending counted as a failure when it was settled. A success since then ended that row, and no later one.
    if was ~= 'unknown' or tonumber(fields[8] or '0') <= guard_count('cleared') then
      count_taken_back(id)
    end
    if fields[6] then -- else the delivery never passed the check, so its pay was never earned
      redis.call('ZADD', TAKEN_BACK, 'NX', NOW, id)
      redis.call('PEXPIRE', TAKEN_BACK, 8 * 86400 * 1000)
      count('taken_back|' .. arg.standing, redis.call('HGET', job, 'earned') or 0)
    end
    count_in_record(id, arg.standing)
  elseif arg.standing ~= 'quality_check' then
    if arg.standing == 'completed' and not fields[6] then
      count_delivered(id, redis.call('HGET', job, 'paid_cents') or '')
      if fields[7] then
        count_success(id)
      end
    end
    redis.call('SREM', GUARD_UNSURE, id)
    let_one_go()
  end
end
if arg.thumbs_down == '1' and not fields[5] then
  redis.call('HSET', job, 'thumbs_down', 1)
  happened('thumbs_down', arg.status)
  count_in_record(id, 'thumbs_down')
end
if arg.next_ms == '' then
  end_read_backs(id)
else
  if arg.refusal ~= '' then
    stop_waiting_for_check(id)
  end
  redis.call('ZADD', READ_BACKS, NOW + arg.next_ms, id)
end
to_archive(id)
return 1
