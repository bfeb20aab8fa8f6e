//! How many requests a caller has: by key or user in all replicas together, by address in this process.

mod addresses;
mod grants;
mod meter;
mod window;

use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use chrono::Utc;
use deadpool_redis::Pool;
use metrics::Counter;
use moka::sync::Cache;
use service_runtime::metrics::Metrics;
use tokio::runtime::Handle;
use uuid::Uuid;

use addresses::Addresses;
use grants::Grants;
use meter::Meter;

use crate::config::{GatewayConfig, RateLimits};

/// Callers that are remembered; who is forgotten is found again in Redis.
const METERS: u64 = 50_000;
/// No window reaches further back.
const FORGET: Duration = Duration::from_secs(2 * 3600);

/// The requests that a verified caller has. Where they are counted is looked up once as long as the caller is believed.
#[derive(Debug)]
pub struct Allowance {
    limits: RateLimits,
    meter: OnceLock<Arc<Meter>>,
}

impl From<RateLimits> for Allowance {
    fn from(limits: RateLimits) -> Self {
        let meter = OnceLock::new();
        Self { limits, meter }
    }
}

/// How a caller stands in the window that is nearest to its end of requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    pub limit: u32,
    pub remaining: u32,
    /// Until the window ends.
    pub reset_seconds: u64,
}

/// Whether a request may be served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    pub standing: Standing,
    /// `Some`: refused, and when asking again makes sense.
    pub retry_after: Option<Duration>,
}

/// Wall time at the start and steady time since, so that a clock that is set back grants nothing twice.
#[derive(Debug)]
struct Clock {
    started: Instant,
    started_ms: i64,
}

impl Clock {
    fn new() -> Self {
        Self {
            started: Instant::now(),
            started_ms: Utc::now().timestamp_millis(),
        }
    }

    fn now_ms(&self) -> i64 {
        let passed = i64::try_from(self.started.elapsed().as_millis()).unwrap_or(i64::MAX);
        self.started_ms.saturating_add(passed)
    }
}

/// Counts requests and refuses those that are too many.
pub struct Limiter {
    meters: Cache<Uuid, Arc<Meter>>,
    grants: Arc<Grants>,
    addresses: Addresses,
    clock: Arc<Clock>,
    limited_callers: Counter,
    limited_addresses: Counter,
    main: Handle,
}

impl Limiter {
    /// Must be called on the main runtime.
    pub fn new(config: &GatewayConfig, redis: Option<Pool>, prefix: &str, metrics: &Metrics) -> Self {
        let limited = |by| metrics.counter("simward_rate_limited_total", &[("by", by)]);
        Self {
            meters: Cache::builder().max_capacity(METERS).time_to_idle(FORGET).build(),
            grants: Arc::new(Grants::new(config, redis, prefix, metrics)),
            addresses: Addresses::new(config.limits.unauthenticated_per_minute),
            clock: Arc::new(Clock::new()),
            limited_callers: limited("caller"),
            limited_addresses: limited("address"),
            main: Handle::current(),
        }
    }

    /// Takes one request of a caller; `subject` is the id of its key or user.
    pub async fn take(&self, subject: Uuid, allowance: &Allowance) -> Verdict {
        let limits = allowance.limits;
        let found = || self.meters.get_with(subject, || Arc::new(Meter::new(limits)));
        let meter = allowance.meter.get_or_init(found);
        let verdict = match meter.spend(limits, self.clock.now_ms()) {
            Some(verdict) => verdict,
            // Few requests wait here; the others need not carry what it needs.
            None => Box::pin(self.take_more(subject, meter, limits)).await,
        };
        if verdict.retry_after.is_some() {
            self.limited_callers.increment(1);
        }
        verdict
    }

    /// One at a time asks, for all who wait; it does so to the end when its client hangs up, so that no grant is lost.
    async fn take_more(&self, subject: Uuid, meter: &Arc<Meter>, limits: RateLimits) -> Verdict {
        let _waiting = Waiting::new(meter);
        loop {
            let turn = Arc::clone(&meter.refill).lock_owned().await;
            if let Some(verdict) = meter.spend(limits, self.clock.now_ms()) {
                return verdict;
            }
            let (grants, clock, filled) = (
                Arc::clone(&self.grants),
                Arc::clone(&self.clock),
                Arc::clone(meter),
            );
            let refill = self.main.spawn(async move {
                grants.refill(subject, &filled, limits, &clock).await;
                drop(turn);
            });
            if let Err(error) = refill.await {
                tracing::error!(%error, "asking for requests failed");
            }
            if let Some(verdict) = meter.spend(limits, self.clock.now_ms()) {
                return verdict;
            }
        }
    }

    /// Takes one request of an address that showed no good credentials.
    pub fn take_address(&self, address: std::net::IpAddr) -> Verdict {
        let verdict = self.addresses.take(address, self.clock.now_ms());
        if verdict.retry_after.is_some() {
            self.limited_addresses.increment(1);
        }
        verdict
    }

    /// How an address stands, without taking anything.
    pub fn look_at_address(&self, address: std::net::IpAddr) -> Standing {
        self.addresses.look(address, self.clock.now_ms())
    }
}

/// Counts one who waits, also when it hangs up.
struct Waiting<'a>(&'a Meter);

impl<'a> Waiting<'a> {
    fn new(meter: &'a Meter) -> Self {
        meter.waiting.fetch_add(1, Ordering::Relaxed);
        Self(meter)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}
