-- Counts a grant later than it was given.
local at = redis.call('ZSCORE', KEYS[2], ARGV[4])
if at then redis.call('ZADD', KEYS[2], 'XX', num(tonumber(at) + tonumber(ARGV[5])), ARGV[4]) end
return 0
