-- Effective calls per window in thousandths, microseconds still blocked, then grants per lane of second and minute.
local out = { math.floor(capacity * factor() * 1000), math.max(0, math.ceil((tonumber(st[3]) or 0) - now)) }
for _, span in ipairs({1000000, 60000000}) do
  local lanes = {0, 0, 0, 0}
  for _, member in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], num(now - span), '+inf')) do
    local lane = tonumber(string.sub(member, 1, 1)) + 1
    lanes[lane] = lanes[lane] + 1
  end
  out[#out + 1] = lanes
end
return out
