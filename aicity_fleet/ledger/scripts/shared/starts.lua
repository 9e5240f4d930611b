-- The brake holds jobs back while many of the latest failed, whether those failures were sent or held. The control
-- `brake` is 'failures/jobs', such as '5/8'; without it there is no brake. RECENT holds the latest endings, newest
-- first: 'complete', or 'fail' with the team and the model.

local function is_braked()
  local most, window = string.match(control('brake') or '', '(%d+)/(%d+)')
  if not most then
    return false
  end
  local failed = 0
  for _, ending in ipairs(redis.call('LRANGE', RECENT, 0, window - 1)) do
    failed = failed + (ending ~= 'complete' and 1 or 0)
  end
  return failed >= tonumber(most)
end

-- Note how a job ended. A success while the brake is set releases it.
local function note_ending(kind, team, model)
  if not control('brake') then
    return
  end
  if kind == 'complete' and is_braked() then
    redis.call('DEL', RECENT)
  end
  redis.call('LPUSH', RECENT, kind == 'complete' and kind or kind .. ' ' .. team .. ' ' .. model)
  redis.call('LTRIM', RECENT, 0, RULES.recent_endings - 1)
  redis.call('PEXPIRE', RECENT, 7 * 86400 * 1000)
end

-- How many jobs may run at once. A fleet of which no success is remembered begins with a few: if all of its jobs
-- fail, it must not have bought all of them before the first has ended.
local function proven_width()
  local passed = 0
  for _, ending in ipairs(redis.call('LRANGE', RECENT, 0, -1)) do
    passed = passed + (ending == 'complete' and 1 or 0)
  end
  return passed < RULES.proven_successes and RULES.unproven_width * (1 + passed) or math.huge
end

-- How many further jobs may start now: up to `cap` in the whole fleet (0: no cap), and one at a time while the
-- guard is closed or the brake is set because jobs failed.
local function room_to_start(cap)
  cap = tonumber(cap)
  if cap == 0 then
    cap = math.huge
  end
  if failures_seen() >= RULES.max_failures or is_braked() then
    cap = 1
  elseif control('brake') then
    cap = math.min(cap, proven_width())
  end
  if cap == math.huge then
    return cap
  end
  return math.max(0, cap - redis.call('ZCARD', key('state', 'running')))
end
