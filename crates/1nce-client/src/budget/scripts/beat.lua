-- Microseconds still blocked, live processes.
return { math.max(0, math.ceil(blocked - now)), live }
