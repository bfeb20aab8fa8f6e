//! The request budget of one 1NCE account: who may call next, across all processes.
//!
//! **The bound.** 1NCE counts at most `rate` requests in any window of one second (FACTS §3). A token bucket with a
//! burst would allow twice that in one window, so a log of grants is kept in Redis, stamped by Redis's clock: a
//! call is granted when the grant `rate` places ago is at least one second and the guard old. The guard (30 ms)
//! pays for requests that travel at uneven speed and costs 3 % of the rate. A denied caller is told its exact wait.
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
//! waits one window. A 429 blocks everybody for its `Retry-After` and halves the rate, which recovers over 30 s.

mod local;
mod lua;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::Mutex as FairMutex;

pub(crate) use local::LimitSpec;

use crate::error::ClientError;
use crate::metrics::ClientMetrics;
use crate::redis_link::RedisLink;
use local::LocalWindow;
use lua::SharedWindow;

/// Whose call it is: a person waits for it, a rule asked for it, or a sweep makes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Lane {
    /// A person waits.
    Interactive,
    /// A rule or a queued action.
    Command,
    /// A sweep or a refresh that nobody waits for.
    Background,
}

impl Lane {
    /// From first to last.
    pub const ALL: [Self; 3] = [Self::Interactive, Self::Command, Self::Background];

    /// The word in metrics and logs.
    pub fn word(self) -> &'static str {
        match self {
            Self::Interactive => "interactive",
            Self::Command => "command",
            Self::Background => "background",
        }
    }

    pub(crate) fn index(self) -> usize {
        self as usize
    }
}

impl fmt::Display for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

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
    Granted,
    Wait(Duration),
}

/// A lost Redis is noticed by the poll that fails; a waiter never sleeps longer than this without looking.
const LONGEST_SLEEP: Duration = Duration::from_millis(250);

struct Mode {
    /// `Some` while Redis is lost: when to try it next.
    local_until: Option<Instant>,
    /// The next shared call must tell the others that this process made calls they cannot see.
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
                metrics,
            }),
        }
    }

    /// Waits for the right to send one request. Dropping the future loses at most one grant.
    pub(crate) async fn acquire(&self, lane: Lane) -> Result<(), ClientError> {
        let started = Instant::now();
        let inner = &self.inner;
        let _waiter = Waiter::new(&inner.waiting[lane.index()]);
        let turn = inner.wait_for_turn(lane);
        match inner.max_wait[lane.index()] {
            None => turn.await,
            Some(limit) => tokio::time::timeout(limit, turn)
                .await
                .map_err(|_| ClientError::BudgetTimeout { lane })?,
        }
        inner.metrics.granted(inner.spec.name, lane, started.elapsed());
        Ok(())
    }

    /// Slows everybody down after a 429.
    pub(crate) async fn throttled(&self, retry_after: Option<Duration>) {
        let inner = &self.inner;
        let pause = retry_after.unwrap_or(Duration::from_secs(1));
        inner.local().penalize(pause, Instant::now());
        if let Some(shared) = &inner.shared
            && let Err(error) = shared.penalize(pause).await
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

    async fn wait_for_turn(&self, lane: Lane) {
        let _head = self.heads[lane.index()].lock().await;
        loop {
            match self.look(lane).await {
                Turn::Granted => return,
                Turn::Wait(wait) => tokio::time::sleep(wait.min(LONGEST_SLEEP)).await,
            }
        }
    }

    /// One look, at Redis or at this process's own window.
    async fn look(&self, lane: Lane) -> Turn {
        let Some(shared) = &self.shared else {
            return self.look_local(lane);
        };
        let (rejoin, may_share) = {
            let mut mode = self.mode();
            let now = Instant::now();
            let may_share = mode.local_until.is_none_or(|until| now >= until);
            if mode.local_until.is_some() && may_share {
                // Only this caller tries; the others stay local until it is through.
                mode.local_until = Some(now + self.redis_retry);
            }
            (mode.rejoin, may_share)
        };
        if !may_share {
            return self.look_local(lane);
        }
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
                turn
            }
            Err(error) => {
                self.go_local(&error);
                self.look_local(lane)
            }
        }
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
        mode.rejoin = true;
    }

    fn look_local(&self, lane: Lane) -> Turn {
        let higher_waits = Lane::ALL[..lane.index()]
            .iter()
            .any(|higher| self.waiting[higher.index()].load(Ordering::Relaxed) > 0);
        self.local().look(lane, higher_waits, Instant::now())
    }
}
