-- After a 429: blocks everybody for the named or a growing time, and halves the rate once per burst of 429s.
local named, first, least, most = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local last, n, blocked = tonumber(st[5]), tonumber(st[6]) or 0, tonumber(st[3]) or 0
if not last or now - last >= 1000000 then
  n = last and now < blocked + recovery and math.min(n + 1, most) or 0
  local f = math.max(least, factor() * 0.5)
  redis.call('HSET', KEYS[1], 'factor', tostring(f), 'penal_at', num(now), 'penal_n', n)
end
local pause = named >= 0 and named or first * 2 ^ n
redis.call('HSET', KEYS[1], 'blocked', num(math.max(blocked, now + pause)))
return 0
