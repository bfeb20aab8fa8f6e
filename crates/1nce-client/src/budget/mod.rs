//! The request budget of one 1NCE account: who may call next, across all processes.
//!
//! **The bound.** 1NCE counts at most `rate` requests in any window of one second (FACTS §3). A token bucket with a
//! burst would allow twice that in one window, so a log of grants is kept in Redis, stamped by Redis's clock: a
//! call is granted when the grant `rate` places ago is at least one second and the guard old. The guard (30 ms)
//! pays for requests that travel at uneven speed and costs 3 % of the rate. A denied caller is told its exact wait.
//!
//! **Late arrivals.** A request may be later than the guard, and the window of 1NCE begins when it arrives. What
//! delays it here is known when it leaves and the grant is then counted from that moment: a slow answer of Redis, and
//! the opening of a connection. What delays it later shows in the time of its answer only, where nothing tells it from a
//! slow server. So the grant is counted later by what the answer took beyond the usual (a quarter of a second at most),
//! and the usual is the quickest answer of its endpoint's last hundred, or slower, so that all this costs at most 1.2 %
//! of the rate (`usual.rs`). **Limits:** at least 95 % of the rate is used and no window is overfull when arrivals vary by
//! the guard, whatever the answers do, and when up to 5 in a hundred arrive up to 250 ms late where answers are even.
//! Where more arrive late than that, or answers vary as much as late arrivals, a window may hold more. A request that
//! needs longer than the window to leave is counted when the window was already given to others.
//!
//! **Spacing.** Without it a saturated budget would repeat any burst for ever: ten calls, then a second of silence
//! in which a person waits. All lanes but the interactive one therefore keep 80 % of the even distance from the grant
//! before; lower than 100 %, so that a late waiter is caught up and no throughput is lost. Measured at 10/s with four
//! processes under full background load: 9.6 to 9.7 grants/s, an interactive caller waits about one slot.
//!
//! **Lanes.** A waiting process leaves a short-lived mark for its lane; lower lanes stand back while a mark of a
//! higher lane lives: people, commands, bulk edits, the background. Calls that wait go before the other lanes below people
//! after four grants to them in the bulk lane, after three in the background (`turns.rs`): of what people leave, bulk edits
//! keep a fifth and the background a quarter, or a fifth while both others wait all the time. In one of these lanes whoever
//! waits longest goes first, over all processes: the 12 pages that a sweep asks for ahead get six times as much as the two
//! readings of usage beside them.
//!
//! **Organizations.** Interactive calls made [`on_behalf_of`] an organization wait in a queue of their own, and whoever was
//! granted a call longest ago goes first, over all processes; calls of nobody in particular are one more such party. In
//! a process up to 64 organizations take turns; more wait for one of those to be served. While anybody else waits, also
//! in a lower lane, an organization gets half of the window (`organization_share`); alone it gets all of it.
//!
//! In a process only the head waiter of each queue (a fair mutex) talks to Redis.
//!
//! **The unknown past.** A first start, a restarted, failed-over or flushed Redis (its run id changes or the state is
//! gone) or a clock that jumps back count as a full window of calls: nothing is granted for one window. In the two seconds
//! after it every process tells, by its looks and heartbeats (1 s), what it remembers of a block after a 429.
//!
//! **Without Redis** every process goes on alone with its part of the rate; each switch, in either direction, also
//! waits one window for the calls that the others cannot see. The rate is divided by the processes that were in contact
//! with Redis in the last 15 s before it was lost, and by `replicas` at least; processes show that they live every second,
//! also without a call. One that starts while Redis is away knows nobody and is known to nobody: it divides by `replicas`.
//! Turns, lanes and organizations are kept within each process then.
//!
//! **After a 429** everybody is blocked for its `Retry-After`, or for 1 s, 2 s, 4 s … with jitter when it names no time
//! (FACTS §19), and the rate is halved and recovers over 30 s.
//!
//! **Limits over minutes** have no spacing, so one sweep could use a window up at once. There bulk and background calls
//! leave half of it and commands a quarter to the lanes above them, and neither turns nor parts of organizations apply.

mod caller;
mod grant;
mod live;
mod local;
mod lua;
#[cfg(test)]
mod simulation;
mod spec;
mod starved;
mod turns;
mod usual;
mod waiting;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;

pub use caller::on_behalf_of;
pub(crate) use grant::Grant;
pub(crate) use spec::LimitSpec;

use crate::config::ClientConfig;
use crate::error::ClientError;
use crate::lane::Lane;
use crate::metrics::ClientMetrics;
use crate::redis_link::RedisLink;
use caller::Caller;
use live::Live;
use local::LocalWindow;
use lua::{Learned, Remembered, SharedWindow};
use starved::Starved;
use usual::Usual;
use waiting::{Waiter, Waiting};

/// What the budget looks like now. Arrays are in the order of [`Lane::ALL`].
#[derive(Debug, Clone, PartialEq)]
pub struct BudgetSnapshot {
    /// Grants of the last second, of all processes when `shared`.
    pub used_last_second: [u64; Lane::COUNT],
    /// Grants of the last minute.
    pub used_last_minute: [u64; Lane::COUNT],
    /// Calls of this process that wait now.
    pub waiting: [u64; Lane::COUNT],
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
    live: Live,
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
    local: Mutex<LocalWindow>,
    mode: Mutex<Mode>,
    waiting: Waiting,
    starved: Mutex<[Starved; Lane::COUNT]>,
    starved_after: Duration,
    max_wait: [Option<Duration>; Lane::COUNT],
    usual: Usual,
    metrics: ClientMetrics,
}

impl Budget {
    /// Without Redis it goes on alone from the beginning.
    pub(crate) fn new(
        spec: LimitSpec,
        redis: Option<(Arc<RedisLink>, String)>,
        config: &ClientConfig,
        metrics: ClientMetrics,
    ) -> Self {
        let now = Instant::now();
        let inner = Arc::new(Inner {
            shared: redis.map(|(link, key)| SharedWindow::new(link, &key, spec.clone())),
            local: Mutex::new(LocalWindow::new(spec.clone(), now)),
            spec,
            redis_retry: config.redis_retry,
            mode: Mutex::new(Mode {
                local_until: None,
                rejoin: false,
                live: Live::new(now),
            }),
            waiting: Waiting::default(),
            starved: Mutex::default(),
            starved_after: config.lane_starved_after,
            max_wait: config.lane_max_wait,
            usual: Usual::default(),
            metrics,
        });
        if inner.shared.is_some()
            && let Ok(runtime) = Handle::try_current()
        {
            runtime.spawn(live::beat(Arc::downgrade(&inner)));
        }
        Self { inner }
    }

    /// Waits for the right to send one request. Dropping the future loses at most one grant.
    pub(crate) async fn acquire(&self, lane: Lane) -> Result<Arc<Grant>, ClientError> {
        let started = Instant::now();
        let inner = &self.inner;
        let waiter = inner.waiting.join(Caller::of(lane));
        let turn = self.wait_for_turn(&waiter);
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

    async fn wait_for_turn(&self, waiter: &Waiter<'_>) -> Grant {
        let _first = waiter.first().await;
        let caller = waiter.caller;
        loop {
            let asked = Instant::now();
            let (turn, shared) = self.inner.look(waiter).await;
            self.inner.watch(caller.lane, turn);
            match turn {
                Turn::Granted(id) => {
                    // Redis has stamped it in between, this process only now.
                    let from = if shared { asked } else { Instant::now() };
                    return Grant::new(self.clone(), id, caller, shared, from);
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
        let waiting = inner.waiting.counts();
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
        let turn = self.inner.local().look(Caller::of(lane), &[], now);
        matches!(turn, Turn::Wait(_))
    }

    /// The configured limit: calls per second.
    pub fn configured_rate(&self) -> f64 {
        f64::from(self.inner.spec.capacity) / self.inner.spec.window.as_secs_f64()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Inner {
    fn local(&self) -> MutexGuard<'_, LocalWindow> {
        lock(&self.local)
    }

    fn mode(&self) -> MutexGuard<'_, Mode> {
        lock(&self.mode)
    }

    /// One look, at Redis (`true`) or at this process's own window.
    async fn look(&self, waiter: &Waiter<'_>) -> (Turn, bool) {
        let caller = waiter.caller;
        let Some(shared) = &self.shared else {
            return (self.look_local(caller), false);
        };
        let Some(rejoin) = self.may_share() else {
            return (self.look_local(caller), false);
        };
        let remembered = self.remembered(rejoin);
        let (more, waited) = (waiter.leads_others(), waiter.since.elapsed());
        match shared.look(caller, more, waited, remembered).await {
            Ok((turn, learned)) => {
                let mut mode = self.mode();
                if mode.local_until.take().is_some() {
                    mode.live.regained(Instant::now());
                    tracing::info!(group = self.spec.name, "the request budget is shared again");
                }
                if rejoin {
                    mode.rejoin = false;
                }
                drop(mode);
                self.learn(learned);
                (turn, true)
            }
            Err(error) => {
                self.go_local(&error);
                (self.look_local(caller), false)
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

    fn remembered(&self, rejoin: bool) -> Remembered {
        let blocked_for = self.local().blocked_for(Instant::now());
        Remembered { blocked_for, rejoin }
    }

    /// What is true until the next contact: with whom the rate is shared when Redis is lost, and what a 429 blocks.
    fn learn(&self, learned: Learned) {
        let now = Instant::now();
        let mut mode = self.mode();
        let alone = mode.local_until.is_some();
        let live = mode.live.counted(learned.live, alone, now);
        drop(mode);
        let mut local = self.local();
        local.share_with(live);
        local.block(learned.blocked_for, now);
    }

    /// Redis is lost: this process's part of the rate, after one window for what the others may have sent.
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

    fn look_local(&self, caller: Caller) -> Turn {
        let waiting = self.waiting.callers();
        let turn = self.local().look(caller, &waiting, Instant::now());
        if matches!(turn, Turn::Granted(_)) {
            self.mode().rejoin = true;
        }
        turn
    }

    /// Tells when a lane gets nothing although it waits. People give up before that and are counted as such.
    fn watch(&self, lane: Lane, turn: Turn) {
        if lane == Lane::Interactive {
            return;
        }
        let (starved, tell) = {
            let mut lanes = lock(&self.starved);
            let of_lane = &mut lanes[lane.index()];
            match turn {
                Turn::Granted(_) => {
                    of_lane.granted();
                    (Duration::ZERO, false)
                }
                Turn::Wait(_) => of_lane.waits(Instant::now(), self.starved_after),
            }
        };
        self.metrics.starved(self.spec.name, lane, starved);
        if tell {
            let (group, seconds) = (self.spec.name, starved.as_secs());
            tracing::warn!(group, %lane, seconds, "calls to 1NCE wait and the request budget gives them nothing");
        }
    }
}
