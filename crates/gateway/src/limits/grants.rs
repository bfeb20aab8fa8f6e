use deadpool_redis::Pool;
use deadpool_redis::redis::Script;
use metrics::Counter;
use service_runtime::metrics::Metrics;
use uuid::Uuid;

use super::Clock;
use super::meter::{Grant, HOUR_MS, MINUTE_MS, Meter};
use super::window::Window;
use crate::config::GatewayConfig;
use crate::config::RateLimits;
use crate::redis_link::RedisLink;

/// Grants from both windows at once, by Redis's clock; the same sum as [`Window::free`].
///
/// What the asking process knows of the windows counts where Redis may know less: when Redis lost its state since (it has
/// another mark `e`, or made fewer grants `n`), or the process granted alone. Units of an earlier grant that ended unspent with their minute come
/// back to the windows that they were counted in.
const GRANT: &str = "
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local stored = redis.call('HMGET', KEYS[1], 'mi', 'mc', 'mp', 'hi', 'hc', 'hp', 'e', 'n')
local mark = tonumber(stored[7]) or tonumber(ARGV[13])
local grants = tonumber(stored[8]) or 0
-- Fewer grants than the process knows of: this state was restored from before.
if mark == tonumber(ARGV[12]) and grants < tonumber(ARGV[14]) then
  mark = tonumber(ARGV[13])
end
local knows_less = mark ~= tonumber(ARGV[12])
local function window(at, length, limit)
  local index, current, previous = math.floor(now / length), 0, 0
  local function know(i, c, p)
    if i == index then
      current, previous = math.max(current, c), math.max(previous, p)
    elseif i == index - 1 then
      previous = math.max(previous, c)
    end
  end
  know(tonumber(stored[at]) or 0, tonumber(stored[at + 1]) or 0, tonumber(stored[at + 2]) or 0)
  if knows_less then
    know(tonumber(ARGV[at + 3]), tonumber(ARGV[at + 4]), tonumber(ARGV[at + 5]))
  end
  local covered = math.ceil(previous * (length - now % length) / length)
  return index, current, previous, math.max(limit - current - covered, 0)
end
local unspent, minute = tonumber(ARGV[10]), tonumber(ARGV[11])
local function give_back(at, index)
  local i, c, p = tonumber(stored[at]), tonumber(stored[at + 1]), tonumber(stored[at + 2])
  if i == index then
    stored[at + 1] = math.max(c - unspent, 0)
  elseif i == index + 1 then
    stored[at + 2] = math.max(p - unspent, 0)
  end
end
if unspent > 0 and not knows_less then
  give_back(1, minute)
  give_back(4, math.floor(minute / 60))
end
local mi, mc, mp, minute_free = window(1, 60000, tonumber(ARGV[1]))
local hi, hc, hp, hour_free = window(4, 3600000, tonumber(ARGV[2]))
local units = math.min(tonumber(ARGV[3]), minute_free, hour_free)
mc, hc = mc + units, hc + units
redis.call('HSET', KEYS[1], 'mi', mi, 'mc', mc, 'mp', mp, 'hi', hi, 'hc', hc, 'hp', hp, 'e', mark, 'n', grants + 1)
redis.call('PEXPIRE', KEYS[1], 7200000)
return { units, now, mi, mc, mp, hi, hc, hp, mark, grants + 1 }";

/// Where more requests come from: Redis for all replicas, or this process alone while Redis is gone.
pub struct Grants {
    link: Option<RedisLink>,
    script: Script,
    prefix: String,
    from_redis: Counter,
    from_memory: Counter,
}

impl Grants {
    pub fn new(config: &GatewayConfig, redis: Option<Pool>, prefix: &str, metrics: &Metrics) -> Self {
        let granted = |from| metrics.counter("simward_rate_grants_total", &[("from", from)]);
        let failures = metrics.counter("simward_rate_redis_failures_total", &[]);
        Self {
            link: redis.map(|pool| RedisLink::new(pool, config.cache.redis_cache_timeout_ms, failures)),
            script: Script::new(GRANT),
            prefix: format!("{prefix}:rate:"),
            from_redis: granted("redis"),
            from_memory: granted("memory"),
        }
    }

    /// Gets more for a caller, or the knowledge that there is nothing.
    pub async fn refill(&self, subject: Uuid, meter: &Meter, limits: RateLimits, clock: &Clock) {
        let asked_ms = clock.now_ms();
        match self.ask(subject, meter, limits, asked_ms).await {
            Some(grant) => {
                self.from_redis.increment(u64::from(grant.units));
                meter.granted(grant, asked_ms);
            }
            None => {
                let units = meter.grant_here(limits, clock.now_ms());
                self.from_memory.increment(u64::from(units));
            }
        }
    }

    async fn ask(&self, subject: Uuid, meter: &Meter, limits: RateLimits, asked_ms: i64) -> Option<Grant> {
        let link = self.link.as_ref()?;
        let known = meter.known();
        let mut call = self.script.key(format!("{}{subject}", self.prefix));
        call.arg(limits.per_minute)
            .arg(limits.per_hour)
            .arg(meter.wanted(limits, asked_ms));
        for window in [known.minute, known.hour] {
            call.arg(window.index).arg(window.current).arg(window.previous);
        }
        call.arg(known.unspent.units)
            .arg(known.unspent.minute)
            .arg(known.mark)
            .arg(rand::random_range(1..=u32::MAX))
            .arg(known.grants);
        let answer: Vec<i64> = link
            .guarded(async |connection| call.invoke_async(connection).await)
            .await?;
        read(&answer)
    }
}

fn read(answer: &[i64]) -> Option<Grant> {
    let &[units, now_ms, mi, mc, mp, hi, hc, hp, mark, grants] = answer else {
        return None;
    };
    let window = |length_ms, index, current: i64, previous: i64| Window {
        length_ms,
        index,
        current: current.unsigned_abs(),
        previous: previous.unsigned_abs(),
    };
    Some(Grant {
        units: u32::try_from(units).ok()?,
        now_ms,
        minute: window(MINUTE_MS, mi, mc, mp),
        hour: window(HOUR_MS, hi, hc, hp),
        mark: u32::try_from(mark).ok()?,
        grants,
    })
}
