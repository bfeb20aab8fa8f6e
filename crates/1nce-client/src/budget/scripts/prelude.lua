-- Before every script: Redis's time in microseconds, the state, and what 429s left of the rate.
-- KEYS: state, log of grants, marks of the four lanes, last grants by organization, live processes, since when the first of
-- each process waits in a lane.
-- State: run id of Redis, earliest grant, end of a block, factor and moment of the last 429 and how many came before it
-- in a row, the time of the last look, how often bulk and background calls were passed over, when a past was unknown.
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
local function num(v) return string.format('%.0f', v) end
local capacity, window, recovery = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local st = redis.call('HMGET', KEYS[1],
  'run', 'not_before', 'blocked', 'factor', 'penal_at', 'penal_n', 'seen', 'passed2', 'passed3', 'lost')
local function factor()
  local at = tonumber(st[5])
  if not at or now < at then return 1 end
  local f = tonumber(st[4])
  return math.min(1, f + (1 - f) * (now - at) / recovery)
end
