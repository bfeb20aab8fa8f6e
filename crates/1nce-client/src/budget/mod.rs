//! The request budget of one 1NCE account: who may call next, across all processes.
//!
//! **The bound.** 1NCE counts at most `rate` requests in any window of one second (FACTS §3). A token bucket with a
//! burst would allow twice that in one window, so a log of grants is kept in Redis, stamped by Redis's clock: a
//! call is granted when the grant `rate` places ago is at least one second and the guard old. The guard (30 ms)
//! pays for requests that travel at uneven speed and costs 3 % of the rate. A denied caller is told its exact wait.
//!
//! **Late arrivals.** A request may be later than the guard, and the window of 1NCE begins when it arrives. What
//! delays it here is known when it leaves and the grant is then counted from that moment: a slow answer of Redis, and
//! the opening of a connection. What delays it later shows in the time of its answer only: the first ones of its
//! endpoint, or one that took twice as long as usual and longer by more than the guard, may mean that, so the grant is
//! counted later by the difference (a quarter of a second at most). A server whose own speed varies by less costs
//! nothing. **Limit:** a request that needs longer than the window to leave is counted when the window was already given
//! to others; where 1NCE opens connections only after a second, as many as waited arrive beside the next ten.
//!
//! **Spacing.** Without it a saturated budget would repeat any burst for ever: ten calls, then a second of silence
//! in which a person waits. Command and background grants therefore keep 80 % of the even distance from the grant
//! before; lower than 100 %, so that a late waiter is caught up and no throughput is lost. Measured at 10/s with four
//! processes under full background load: 9.6 to 9.7 grants/s, an interactive caller waits about one slot.
//!
//! **Lanes.** A waiting process leaves a short-lived mark for its lane; lower lanes stand back while a mark of a
//! higher lane lives. In a process only the head waiter of each lane (a fair mutex) talks to Redis.
//!
//! **The unknown past.** A first start, a restarted, failed-over or flushed Redis (its run id changes or the state is
//! gone) or a clock that jumps back count as a full window of calls: nothing is granted for one window.
//!
//! **Without Redis** every process goes on alone with `rate / replicas`; each switch, in either direction, also
//! waits one window for the calls that the others cannot see. A 429 blocks everybody for its `Retry-After`, or for
//! 1 s, 2 s, 4 s … with jitter when it names no time (FACTS §19), and halves the rate, which recovers over 30 s.
//!
//! **Limits over minutes** have no spacing, so one sweep could use a window up at once. There background calls leave
//! half of it and commands a quarter to the lanes above them.

mod grant;
mod local;
mod lua;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::Mutex as FairMutex;

pub(crate) use grant::Grant;
pub(crate) use local::LimitSpec;

use crate::error::ClientError;
use crate::lane::Lane;
use crate::metrics::ClientMetrics;
use crate::redis_link::RedisLink;
use grant::Usual;
use local::LocalWindow;
use lua::SharedWindow;

/// What the budget looks like now. Arrays are in the order of [`Lane::ALL`].
#[derive(Debug, Clone, PartialEq)]
pub struct BudgetSnapshot {
    /// Grants of the last second, of all processes when `shared`.
    pub used_last_second: [u64; 3],
    /// Grants of the last minute.
    pub used_last_minute: [u64; 3],
    /// Calls of this process that wait now.
    pub waiting: [u64; 3],
    /// Calls per second granted at most now; under the configured rate after a 429.
    pub rate: f64,
    /// How long a `Retry-After` still blocks everything.
    pub blocked_for: Option<Duration>,
    /// Whether Redis keeps the budget; otherwise this process goes on alone with its share.
    pub shared: bool,
}

/// Outcome of one look at the budget.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Turn {
    /// With the number of the grant.
    Granted(u64),
    Wait(Duration),
}

/// A lost Redis is noticed by the poll that fails; a waiter never sleeps longer than this without looking.
const LONGEST_SLEEP: Duration = Duration::from_millis(250);

struct Mode {
    /// `Some` while Redis is lost: when to try it next.
    local_until: Option<Instant>,
    /// This process made calls that the others cannot see; the next shared look must tell them.
    rejoin: bool,
}

/// The budget of one group of endpoints. Cheap to clone.
#[derive(Clone)]
pub struct Budget {
    inner: Arc<Inner>,
}

struct Inner {
    spec: LimitSpec,
    shared: Option<SharedWindow>,
    redis_retry: Duration,
    local: std::sync::Mutex<LocalWindow>,
    mode: std::sync::Mutex<Mode>,
    heads: [FairMutex<()>; 3],
    waiting: [AtomicUsize; 3],
    max_wait: [Option<Duration>; 3],
    usual: Usual,
    metrics: ClientMetrics,
}

/// Counts a waiter for as long as it lives, also when its future is dropped.
struct Waiter<'a>(&'a AtomicUsize);

impl<'a> Waiter<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Budget {
    pub(crate) fn new(
        spec: LimitSpec,
        redis: Option<(Arc<RedisLink>, String)>,
        redis_retry: Duration,
        max_wait: [Option<Duration>; 3],
        metrics: ClientMetrics,
    ) -> Self {
        let shared = redis.map(|(link, key)| SharedWindow::new(link, &key, spec.clone()));
        let local = std::sync::Mutex::new(LocalWindow::new(&spec, Instant::now()));
        let mode = std::sync::Mutex::new(Mode {
            local_until: None,
            rejoin: false,
        });
        Self {
            inner: Arc::new(Inner {
                spec,
                shared,
                redis_retry,
                local,
                mode,
                heads: Default::default(),
                waiting: Default::default(),
                max_wait,
                usual: Usual::default(),
                metrics,
            }),
        }
    }

    /// Waits for the right to send one request. Dropping the future loses at most one grant.
    pub(crate) async fn acquire(&self, lane: Lane) -> Result<Arc<Grant>, ClientError> {
        let started = Instant::now();
        let inner = &self.inner;
        let _waiter = Waiter::new(&inner.waiting[lane.index()]);
        let turn = self.wait_for_turn(lane);
        let grant = match inner.max_wait[lane.index()] {
            None => turn.await,
            Some(limit) => tokio::time::timeout(limit, turn).await.map_err(|_| {
                inner
                    .metrics
                    .budget_timeout(inner.spec.name, lane, started.elapsed());
                ClientError::BudgetTimeout { lane }
            })?,
        };
        grant.leaves_now();
        inner.metrics.granted(inner.spec.name, lane, started.elapsed());
        Ok(Arc::new(grant))
    }

    async fn wait_for_turn(&self, lane: Lane) -> Grant {
        let _head = self.inner.heads[lane.index()].lock().await;
        loop {
            let asked = Instant::now();
            let (turn, shared) = self.inner.look(lane).await;
            match turn {
                Turn::Granted(id) => {
                    // Redis has stamped it in between, this process only now.
                    let from = if shared { asked } else { Instant::now() };
                    return Grant::new(self.clone(), id, lane, shared, from);
                }
                Turn::Wait(wait) => tokio::time::sleep(wait.min(LONGEST_SLEEP)).await,
            }
        }
    }

    /// Slows everybody down after a 429.
    pub(crate) async fn throttled(&self, retry_after: Option<Duration>) {
        let inner = &self.inner;
        let jitter = rand::random_range(1.0..1.25);
        inner.local().penalize(retry_after, jitter, Instant::now());
        if let Some(shared) = &inner.shared
            && let Err(error) = shared.penalize(retry_after, jitter).await
        {
            tracing::warn!(%error, "cannot tell the other processes about a 429");
        }
    }

    /// What the budget looks like now; one Redis round trip.
    pub async fn snapshot(&self) -> BudgetSnapshot {
        let inner = &self.inner;
        let waiting = std::array::from_fn(|lane| inner.waiting[lane].load(Ordering::Relaxed) as u64);
        let lost = inner.mode().local_until.is_some();
        if let Some(shared) = inner.shared.as_ref().filter(|_| !lost)
            && let Ok(mut snapshot) = shared.snapshot().await
        {
            snapshot.waiting = waiting;
            return snapshot;
        }
        let mut snapshot = inner.local().snapshot(Instant::now());
        snapshot.waiting = waiting;
        snapshot
    }

    /// Whether this process alone would grant nothing at that moment.
    #[cfg(test)]
    pub(crate) fn holds_back(&self, lane: Lane, now: Instant) -> bool {
        matches!(self.inner.local().look(lane, false, now), Turn::Wait(_))
    }

    /// The configured limit: calls per second.
    pub fn configured_rate(&self) -> f64 {
        f64::from(self.inner.spec.capacity) / self.inner.spec.window.as_secs_f64()
    }
}

impl Inner {
    fn local(&self) -> std::sync::MutexGuard<'_, LocalWindow> {
        self.local
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn mode(&self) -> std::sync::MutexGuard<'_, Mode> {
        self.mode
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// One look, at Redis (`true`) or at this process's own window.
    async fn look(&self, lane: Lane) -> (Turn, bool) {
        let Some(shared) = &self.shared else {
            return (self.look_local(lane), false);
        };
        let Some(rejoin) = self.may_share() else {
            return (self.look_local(lane), false);
        };
        let more = self.waiting[lane.index()].load(Ordering::Relaxed) > 1;
        match shared.look(lane, more, rejoin).await {
            Ok(turn) => {
                let mut mode = self.mode();
                if mode.local_until.take().is_some() {
                    tracing::info!(group = self.spec.name, "the request budget is shared again");
                }
                if rejoin {
                    mode.rejoin = false;
                }
                (turn, true)
            }
            Err(error) => {
                self.go_local(&error);
                (self.look_local(lane), false)
            }
        }
    }

    /// Whether Redis may be asked now; `Some(true)` when this process comes back from going alone.
    fn may_share(&self) -> Option<bool> {
        let mut mode = self.mode();
        let now = Instant::now();
        if mode.local_until.is_some_and(|until| now < until) {
            return None;
        }
        if mode.local_until.is_some() {
            // Only this caller tries; the others stay local until it is through.
            mode.local_until = Some(now + self.redis_retry);
        }
        Some(mode.rejoin)
    }

    /// Redis is lost: this process's share of the rate, after one window for what the others may have sent.
    fn go_local(&self, error: &dyn fmt::Display) {
        let now = Instant::now();
        let mut mode = self.mode();
        if mode.local_until.is_none() {
            tracing::warn!(%error, group = self.spec.name, "Redis is lost; the request budget goes on alone");
            self.metrics.went_local(self.spec.name);
            self.local().start_over(now);
        }
        mode.local_until = Some(now + self.redis_retry);
    }

    fn look_local(&self, lane: Lane) -> Turn {
        let higher_waits = Lane::ALL[..lane.index()]
            .iter()
            .any(|higher| self.waiting[higher.index()].load(Ordering::Relaxed) > 0);
        let turn = self.local().look(lane, higher_waits, Instant::now());
        if matches!(turn, Turn::Granted(_)) {
            self.mode().rejoin = true;
        }
        turn
    }
}
