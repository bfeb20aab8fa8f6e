-- Grants (-1) or tells the wait in microseconds; then microseconds still blocked, and live processes.
local spacing, lane, organization, member = tonumber(ARGV[10]), tonumber(ARGV[11]), ARGV[12], ARGV[13]
local more, mark, keep, stand_back = ARGV[14] == '1', tonumber(ARGV[15]), tonumber(ARGV[16]), tonumber(ARGV[17])
local lane_share, organization_share = tonumber(ARGV[18]), tonumber(ARGV[19])
local patience, waited = { [2] = tonumber(ARGV[20]), [3] = tonumber(ARGV[21]) }, tonumber(ARGV[22])

local calls = capacity * factor() * lane_share
local whole = math.ceil(calls)
local ready = math.max(not_before, blocked, now + remembered)
local nth = redis.call('ZREVRANGE', KEYS[2], whole - 1, whole - 1, 'WITHSCORES')
if nth[2] then ready = math.max(ready, tonumber(nth[2]) + window * whole / calls) end
if lane > 0 then
  local newest = redis.call('ZREVRANGE', KEYS[2], 0, 0, 'WITHSCORES')
  if newest[2] then ready = math.max(ready, tonumber(newest[2]) + spacing) end
end

-- Who waits: organizations (the empty one is whoever named none), and the lanes below people.
local organizations, waits = {}, {}
for i = 0, 3 do redis.call('ZREMRANGEBYSCORE', KEYS[3 + i], '-inf', num(now)) end
for _, waiting in ipairs(redis.call('ZRANGE', KEYS[3], 0, -1)) do
  organizations[string.match(waiting, ':(.*)$') or ''] = true
end
for i = 1, 3 do waits[i] = redis.call('ZCARD', KEYS[3 + i]) > 0 end

-- When an organization has used its part of the window, until when.
local most = math.max(1, math.floor(capacity * factor() * organization_share))
local used = {}
if organization_share < 1 and (organization ~= '' or next(organizations)) then
  local recent = redis.call('ZREVRANGEBYSCORE', KEYS[2], '+inf', '(' .. num(now - window), 'WITHSCORES')
  for i = 1, #recent, 2 do
    local of = string.match(recent[i], '^0:%x+:%d+:(.+)$')
    if of then
      used[of] = used[of] or {}
      table.insert(used[of], tonumber(recent[i + 1]))
    end
  end
end
local function used_until(of) return used[of] and used[of][most] and used[of][most] + window end
local function last_grant(of) return tonumber(redis.call('ZSCORE', KEYS[7], of) or 0) end

-- A lane that was passed over too often goes before those above it, but not before people.
local passed = { [1] = 0, [2] = tonumber(st[8]) or 0, [3] = tonumber(st[9]) or 0 }
local function owed(i) return patience[i] and patience[i] >= 0 and passed[i] >= patience[i] and passed[i] or 0 end
local function goes_before(one, other)
  if owed(one) ~= owed(other) then return owed(one) > owed(other) end
  return one < other
end

local ahead, others = 0, false
local own_last = lane == 0 and next(organizations) and last_grant(organization)
for of in pairs(organizations) do
  if lane > 0 or of ~= organization then
    others = true
    if not used_until(of) and (lane > 0 or last_grant(of) < own_last) then ahead = ahead + 1 end
  end
end
for i = 1, 3 do
  if i ~= lane and waits[i] then
    others = true
    if lane > 0 and goes_before(i, lane) then ahead = ahead + 1 end
  end
end
-- In one lane whoever waits longest goes first, whichever process it is.
local own, own_mark, since = KEYS[3 + lane], proc .. ':' .. organization, now - waited
if lane > 0 then
  for _, waiting in ipairs(redis.call('ZRANGE', own, 0, -1)) do
    local other = string.match(waiting, '^%x+')
    if other ~= proc and tonumber(redis.call('ZSCORE', KEYS[9], lane .. ':' .. other) or now) < since then ahead = ahead + 1 end
  end
end
if lane == 0 and organization ~= '' and others then ready = math.max(ready, used_until(organization) or 0) end

local told = { -1, math.max(0, math.ceil(blocked - now)), live }
if ready <= now and ahead == 0 then
  redis.call('ZADD', KEYS[2], num(now), member)
  redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', num(now - keep))
  redis.call('PEXPIRE', KEYS[2], math.ceil(keep / 500))
  if lane == 0 then
    redis.call('ZADD', KEYS[7], num(now), organization)
    redis.call('ZREMRANGEBYSCORE', KEYS[7], '-inf', num(now - keep))
    redis.call('PEXPIRE', KEYS[7], math.ceil(keep / 500))
  else
    redis.call('ZREM', KEYS[9], lane .. ':' .. proc)
    for i = 2, 3 do
      redis.call('HSET', KEYS[1], 'passed' .. i, i ~= lane and waits[i] and passed[i] + 1 or 0)
    end
  end
  if more then
    redis.call('ZADD', own, num(now + mark), own_mark)
    redis.call('PEXPIRE', own, 10000)
  else
    redis.call('ZREM', own, own_mark)
  end
  return told
end
redis.call('ZADD', own, num(now + mark), own_mark)
redis.call('PEXPIRE', own, 10000)
if lane > 0 then
  redis.call('ZADD', KEYS[9], num(since), lane .. ':' .. proc)
  redis.call('PEXPIRE', KEYS[9], 10000)
end
told[1] = math.ceil(math.max(ready - now, 0) + stand_back * ahead)
return told
