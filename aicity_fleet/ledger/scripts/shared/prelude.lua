-- Each script begins with what it uses of this file and of those beside it: see `lua.py`. KEYS[1] is the fleet's prefix
-- with its hash tag: every key that a script touches begins with it, so all lie in one slot. Times are Redis's own,
-- in milliseconds. ARGV begins with what the script is about (an id, a token); a script with many arguments gets the
-- others by name. RULES comes from `rules.py`. Each top-level `local` defines one name, and nothing else is at the top.

local PREFIX = KEYS[1]
local MAX_AUDIT_LINES = 200

-- The keys besides those of a job. docs/architecture.md says how long each lives.
local UNSENT = PREFIX .. 'unsent' -- queued jobs whose message has to be sent, by when
local TURNS = PREFIX .. 'turns'
local CONTROLS = PREFIX .. 'controls'
local GUARD = PREFIX .. 'guard:counts'
local GUARD_PENDING = PREFIX .. 'guard:pending'
local GUARD_UNSURE = PREFIX .. 'guard:unsure'
local HEARD = PREFIX .. 'reports:heard' -- the job that finished while a process listened, in place of a message
local SUSPECTS = PREFIX .. 'suspects' -- jobs that run alone because two processes ended while they ran there
local RESERVED = PREFIX .. 'spending:reserved'
local LAPSED = PREFIX .. 'lapsed' -- leases that lapsed in the last hour, for people
local BREAKERS = PREFIX .. 'breakers'
local RECENT = PREFIX .. 'recent' -- how the latest jobs ended, newest first
local READ_BACKS = PREFIX .. 'read_backs' -- reported jobs whose task is read back, by when
local TAKEN_BACK = PREFIX .. 'taken_back' -- jobs whose earnings AI City took back, by when it was read
local RECORD = PREFIX .. 'record'
local UNLISTED = PREFIX .. 'unlisted' -- queued jobs whose task the last whole walk did not show, by when they waited
local DECIDED = PREFIX .. 'decided' -- jobs in quarantine that wait for nobody; the score says why
local TO_ARCHIVE = PREFIX .. 'to_archive' -- settled jobs that are new to the archive, or changed; the score is a mark

local function key(name, id)
  return PREFIX .. name .. ':' .. id
end

local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

local NOW = now_ms()

-- The arguments from ARGV[first] on, which are names and values in turn, as a table of strings.
local function named(first)
  local values = {}
  for i = first, #ARGV, 2 do
    values[ARGV[i]] = ARGV[i + 1]
  end
  return setmetatable(values, {__index = function(_, name)
    error('no argument is called ' .. name)
  end})
end

-- What people and answers have switched off: see `Controls` in controls.py for the fields.

local function control(name)
  return redis.call('HGET', CONTROLS, name)
end

local function is_paused(what)
  return redis.call('HEXISTS', CONTROLS, 'pause:' .. what) == 1
end

-- What keeps all reports back: a person's pause, a key that AI City refuses, a wait that it asked for; or nil.
local function reports_wait_for()
  if is_paused('reports') then
    return 'paused'
  end
  if control('stopped') then
    return 'stopped'
  end
  if tonumber(control('quiet_until') or '0') > NOW then
    return 'quiet'
  end
end
