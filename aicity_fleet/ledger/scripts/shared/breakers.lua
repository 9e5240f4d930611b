-- The breaker of a model endpoint: how many runs in a row had trouble there, which jobs' and when, how often in
-- a row it opened, until when nothing starts, and why. Without a record, nothing is wrong.
local MAX_BREAKER_JOBS = 10

local function read_breaker(endpoint)
  local text = redis.call('HGET', BREAKERS, endpoint)
  local breaker = text and cjson.decode(text) or {troubles = 0, opens = 0}
  breaker.jobs = breaker.jobs or {} -- each {id, when, why}, the latest last
  return breaker
end

-- Put a job last among those in trouble. Returns how many others had the same trouble since `recently`, and how
-- many jobs in all had any since the last success. A job whose trouble does not confirm that of others is not counted
-- among those with the same.
local function add_trouble(breaker, job, why, recently, confirms)
  local others, jobs, in_a_row = 0, {}, 1
  for _, entry in ipairs(breaker.jobs) do
    if entry[1] ~= job then
      jobs[#jobs + 1] = entry
      others = others + (entry[2] >= recently and entry[3] == why and 1 or 0)
      in_a_row = in_a_row + (entry[2] > (breaker.worked_at or 0) and 1 or 0)
    end
  end
  if #jobs >= MAX_BREAKER_JOBS then
    table.remove(jobs, 1)
  end
  jobs[#jobs + 1] = {job, NOW, confirms and why or ''}
  breaker.jobs = jobs
  return others, in_a_row
end

local function write_breaker(endpoint, breaker)
  redis.call('HSET', BREAKERS, endpoint, cjson.encode(breaker))
  redis.call('PEXPIRE', BREAKERS, 7 * 86400 * 1000)
end

-- Remember a job that its claim refused until an endpoint serves again.
local function wait_for_endpoint(endpoint, id)
  redis.call('SADD', key('waiting', endpoint), id)
  redis.call('PEXPIRE', key('waiting', endpoint), 7 * 86400 * 1000)
end

-- An endpoint serves again: the messages of the jobs that were refused because of it are due.
local function end_waits(endpoint)
  for _, id in ipairs(redis.call('SMEMBERS', key('waiting', endpoint))) do
    local not_before = tonumber(redis.call('HGET', key('job', id), 'not_before') or '0')
    redis.call('ZADD', UNSENT, 'XX', math.max(NOW, not_before), id)
  end
  redis.call('DEL', key('waiting', endpoint))
end

-- Close a breaker. Which jobs had trouble there lately stays known: a busy endpoint serves one call and not the next.
local function close_breaker(endpoint, breaker, recently)
  end_waits(endpoint)
  local last = breaker.jobs[#breaker.jobs]
  if last and last[2] >= recently then
    write_breaker(endpoint, {troubles = 0, opens = 0, jobs = breaker.jobs, worked_at = NOW})
  else
    redis.call('HDEL', BREAKERS, endpoint)
  end
end

-- A run got its answers from an endpoint: its breaker closes. Returns 1 when there was trouble since the last success,
-- else 0.
local function note_works(endpoint, recently)
  if redis.call('HEXISTS', BREAKERS, endpoint) == 0 then
    return 0
  end
  local before = read_breaker(endpoint)
  close_breaker(endpoint, before, recently)
  return before.troubles > 0 and 1 or 0
end
