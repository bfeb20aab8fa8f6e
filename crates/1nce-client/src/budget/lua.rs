//! The window that all processes share: scripts run by Redis, one round trip each, on Redis's clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use deadpool_redis::redis::Script;

use super::local::{FIRST_PAUSE, LEAST_FACTOR, LimitSpec, MOST_DOUBLINGS, RECOVERY, STAND_BACK};
use super::{BudgetSnapshot, LONGEST_SLEEP, Lane, Turn};
use crate::redis_link::{LinkError, RedisLink};

/// Shared by the scripts: the time, the effective limit, and what to do about an unknown past.
/// `st`: run id of Redis, earliest grant, end of a block, factor and moment of the last 429 and how many came before
/// it in a row, the time of the last look.
const PRELUDE: &str = r"
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
local function num(v) return string.format('%.0f', v) end
local capacity, window, recovery = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local st = redis.call('HMGET', KEYS[1], 'run', 'not_before', 'blocked', 'factor', 'penal_at', 'penal_n', 'seen')
local function factor()
  local at = tonumber(st[5])
  if not at or now < at then return 1 end
  local f = tonumber(st[4])
  return math.min(1, f + (1 - f) * (now - at) / recovery)
end
";

/// Grants or tells the wait in microseconds. `KEYS`: state, log, marks of the three lanes.
const LOOK: &str = r"
local spacing, lane, proc = tonumber(ARGV[4]), tonumber(ARGV[5]), ARGV[6]
local more, rejoin, cold = ARGV[7] == '1', ARGV[8] == '1', tonumber(ARGV[9])
local mark, keep, member, stand_back = tonumber(ARGV[10]), tonumber(ARGV[11]), ARGV[12], tonumber(ARGV[13])
local lane_share = tonumber(ARGV[14])

local info = redis.pcall('INFO', 'server')
local run = type(info) == 'string' and string.match(info, 'run_id:(%x+)') or 'none'
local newest = redis.call('ZREVRANGE', KEYS[2], 0, 0, 'WITHSCORES')
local not_before = tonumber(st[2]) or 0
if st[1] ~= run or (tonumber(st[7]) or 0) > now + 1000000 then
  redis.call('DEL', KEYS[1], KEYS[2])
  st, newest = {}, {}
  not_before = now + cold
  redis.call('HSET', KEYS[1], 'run', run, 'not_before', num(not_before))
elseif rejoin then
  not_before = math.max(not_before, now + cold)
  redis.call('HSET', KEYS[1], 'not_before', num(not_before))
end

redis.call('HSET', KEYS[1], 'seen', num(now))
redis.call('EXPIRE', KEYS[1], 604800)

local calls = capacity * factor() * lane_share
local whole = math.ceil(calls)
local ready = math.max(not_before, tonumber(st[3]) or 0)
local nth = redis.call('ZREVRANGE', KEYS[2], whole - 1, whole - 1, 'WITHSCORES')
if nth[2] then ready = math.max(ready, tonumber(nth[2]) + window * whole / calls) end
if lane > 0 and newest[2] then ready = math.max(ready, tonumber(newest[2]) + spacing) end

local higher = false
for i = 0, lane - 1 do
  redis.call('ZREMRANGEBYSCORE', KEYS[3 + i], '-inf', num(now))
  if redis.call('ZCARD', KEYS[3 + i]) > 0 then higher = true end
end

local own = KEYS[3 + lane]
if ready <= now and not higher then
  redis.call('ZADD', KEYS[2], num(now), member)
  redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', num(now - keep))
  redis.call('PEXPIRE', KEYS[2], math.ceil(keep / 500))
  if more then
    redis.call('ZADD', own, num(now + mark), proc)
    redis.call('PEXPIRE', own, 10000)
  else
    redis.call('ZREM', own, proc)
  end
  return -1
end
redis.call('ZADD', own, num(now + mark), proc)
redis.call('PEXPIRE', own, 10000)
local wait = math.max(ready - now, 0)
if higher then wait = wait + stand_back end
return math.ceil(wait)
";

/// After a 429: block everybody for the named or a growing time, halve the rate once per burst of 429s.
const PENALIZE: &str = r"
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
";

/// Counts a grant later than it was given.
const SHIFT: &str = r"
local at = redis.call('ZSCORE', KEYS[1], ARGV[1])
if at then redis.call('ZADD', KEYS[1], 'XX', string.format('%.0f', tonumber(at) + tonumber(ARGV[2])), ARGV[1]) end
return 0
";

/// Effective calls per window in thousandths, microseconds still blocked, then grants per lane of second and minute.
const SNAPSHOT: &str = r"
local out = { math.floor(capacity * factor() * 1000), math.max(0, math.ceil((tonumber(st[3]) or 0) - now)) }
for _, span in ipairs({1000000, 60000000}) do
  local lanes = {0, 0, 0}
  for _, member in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], num(now - span), '+inf')) do
    local lane = tonumber(string.sub(member, 1, 1)) + 1
    lanes[lane] = lanes[lane] + 1
  end
  for i = 1, 3 do out[#out + 1] = lanes[i] end
end
return out
";

/// A waiter looks at least every [`LONGEST_SLEEP`]; a mark that is not renewed for this long belongs to nobody.
const MARK_LIFE: Duration = Duration::from_millis(600);

pub(super) struct SharedWindow {
    link: Arc<RedisLink>,
    spec: LimitSpec,
    keys: [String; 5],
    process: String,
    grants: AtomicU64,
    look: Script,
    penalize: Script,
    shift: Script,
    snapshot: Script,
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

impl SharedWindow {
    pub(super) fn new(link: Arc<RedisLink>, key: &str, spec: LimitSpec) -> Self {
        const { assert!(LONGEST_SLEEP.as_millis() * 2 < MARK_LIFE.as_millis()) };
        let part = |name: &str| format!("{key}:{name}");
        Self {
            link,
            spec,
            keys: [
                part("state"),
                part("log"),
                part("wait0"),
                part("wait1"),
                part("wait2"),
            ],
            process: format!("{:016x}", rand::random::<u64>()),
            grants: AtomicU64::new(0),
            look: Script::new(&format!("{PRELUDE}{LOOK}")),
            penalize: Script::new(&format!("{PRELUDE}{PENALIZE}")),
            shift: Script::new(SHIFT),
            snapshot: Script::new(&format!("{PRELUDE}{SNAPSHOT}")),
        }
    }

    fn window(&self) -> Duration {
        self.spec.window + self.spec.guard
    }

    pub(super) async fn look(&self, lane: Lane, more: bool, rejoin: bool) -> Result<Turn, LinkError> {
        let id = self.grants.fetch_add(1, Ordering::Relaxed);
        let mut call = self.look.prepare_invoke();
        for key in &self.keys {
            call.key(key);
        }
        call.arg(self.spec.capacity)
            .arg(micros(self.window()))
            .arg(micros(RECOVERY))
            .arg(micros(self.spec.spacing))
            .arg(lane.index())
            .arg(&self.process)
            .arg(u8::from(more))
            .arg(u8::from(rejoin))
            .arg(micros(self.spec.cold_wait))
            .arg(micros(MARK_LIFE))
            .arg(micros(self.window().max(Duration::from_secs(60))))
            .arg(self.member(lane, id))
            .arg(micros(STAND_BACK))
            .arg(self.spec.lane_share[lane.index()]);
        let wait: i64 = self.link.script(&call).await?;
        Ok(u64::try_from(wait).map_or(Turn::Granted(id), |wait| {
            Turn::Wait(Duration::from_micros(wait.max(100)))
        }))
    }

    fn member(&self, lane: Lane, id: u64) -> String {
        format!("{}:{}:{id}", lane.index(), self.process)
    }

    pub(super) async fn shift(&self, lane: Lane, id: u64, late: Duration) -> Result<(), LinkError> {
        let mut call = self.shift.prepare_invoke();
        call.key(&self.keys[1])
            .arg(self.member(lane, id))
            .arg(micros(late));
        let _done: i64 = self.link.script(&call).await?;
        Ok(())
    }

    pub(super) async fn penalize(&self, named: Option<Duration>, jitter: f64) -> Result<(), LinkError> {
        let mut call = self.penalize.prepare_invoke();
        call.key(&self.keys[0])
            .arg(self.spec.capacity)
            .arg(micros(self.window()))
            .arg(micros(RECOVERY))
            .arg(named.map_or(-1, |pause| i64::try_from(micros(pause)).unwrap_or(i64::MAX)))
            .arg(micros(FIRST_PAUSE.mul_f64(jitter)))
            .arg(LEAST_FACTOR)
            .arg(MOST_DOUBLINGS);
        let _done: i64 = self.link.script(&call).await?;
        Ok(())
    }

    pub(super) async fn snapshot(&self) -> Result<BudgetSnapshot, LinkError> {
        let mut call = self.snapshot.prepare_invoke();
        call.key(&self.keys[0])
            .key(&self.keys[1])
            .arg(self.spec.capacity)
            .arg(micros(self.window()))
            .arg(micros(RECOVERY));
        let (calls, blocked, s0, s1, s2, m0, m1, m2): (u64, u64, u64, u64, u64, u64, u64, u64) =
            self.link.script(&call).await?;
        Ok(BudgetSnapshot {
            used_last_second: [s0, s1, s2],
            used_last_minute: [m0, m1, m2],
            waiting: [0; 3],
            rate: calls as f64 / 1_000.0 / self.window().as_secs_f64(),
            blocked_for: (blocked > 0).then(|| Duration::from_micros(blocked)),
            shared: true,
        })
    }
}
