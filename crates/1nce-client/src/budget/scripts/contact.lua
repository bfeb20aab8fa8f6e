-- A process is in contact: notices an unknown past, takes what the process remembers of a block, and counts the process.
local proc, cold, remembered, rejoin = ARGV[4], tonumber(ARGV[5]), tonumber(ARGV[6]), ARGV[7] == '1'
local live_for, tell_for = tonumber(ARGV[8]), tonumber(ARGV[9])

local info = redis.pcall('INFO', 'server')
local run = type(info) == 'string' and string.match(info, 'run_id:(%x+)') or 'none'
local not_before, lost = tonumber(st[2]) or 0, tonumber(st[10]) or 0
if st[1] ~= run or (tonumber(st[7]) or 0) > now + 1000000 then
  redis.call('DEL', KEYS[1], KEYS[2], KEYS[7])
  st = {}
  not_before, lost = now + cold, now
  redis.call('HSET', KEYS[1], 'run', run, 'not_before', num(not_before), 'lost', num(lost))
elseif rejoin then
  not_before, lost = math.max(not_before, now + cold), now
  redis.call('HSET', KEYS[1], 'not_before', num(not_before), 'lost', num(lost))
end
local blocked = tonumber(st[3]) or 0
-- Only then can a block be missing here; at other times the travel of the answers would prolong it.
if now < lost + tell_for and remembered > 0 and now + remembered > blocked then
  blocked = now + remembered
  redis.call('HSET', KEYS[1], 'blocked', num(blocked))
end
redis.call('HSET', KEYS[1], 'seen', num(now))
redis.call('EXPIRE', KEYS[1], 604800)

redis.call('ZADD', KEYS[8], num(now), proc)
redis.call('ZREMRANGEBYSCORE', KEYS[8], '-inf', num(now - live_for))
redis.call('PEXPIRE', KEYS[8], math.ceil(live_for / 500))
local live = redis.call('ZCARD', KEYS[8])
