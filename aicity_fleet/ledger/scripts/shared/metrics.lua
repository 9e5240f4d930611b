-- What the fleet counts of itself, for people. METRICS is one hash of whole numbers: a field is a name, or a name and its
-- labels: 'endings|complete|research'. `aicity_fleet/metrics/table.py` explains every name. No decision depends on them.
-- A label is one of a few words of ours, or a name that the owner chose: never an id, never a text of a stranger.
local METRICS = PREFIX .. 'metrics'
local MOST_COUNTS = 2000

-- Count something beside the move that happens once. An error here must not end a move half-way, hence `pcall`.
local function count(field, amount)
  amount = amount or 1
  local now = redis.pcall('HINCRBY', METRICS, field, amount)
  if now == tonumber(amount) and redis.pcall('HLEN', METRICS) > MOST_COUNTS then
    -- It is a new field, and one too many: count it among the others of its name.
    redis.pcall('HDEL', METRICS, field)
    redis.pcall('HINCRBY', METRICS, (string.gsub(field, '|[^|]*', '|other')), amount)
  end
end

-- Count a time in the one bucket that it falls into, and add it to the sum. Each bound is twice the one before it.
local function observe(name, ms)
  local bound = RULES.first_bucket_ms
  while bound < ms and bound < RULES.last_bucket_ms do
    bound = bound * 2
  end
  count(name .. '|' .. (ms <= bound and string.format('%.0f', bound) or 'more'))
  count(name .. '_sum', string.format('%.0f', math.max(0, ms)))
end
