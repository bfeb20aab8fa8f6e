//! With how many processes the rate is shared, known to each of them when Redis is lost.

use std::sync::Weak;
use std::time::{Duration, Instant};

use tokio::time::MissedTickBehavior;

use super::Inner;

/// How often a process shows that it lives.
pub(super) const BEAT: Duration = Duration::from_secs(1);
/// A process that has not been in contact for this long is not counted any more.
pub(super) const LIVE: Duration = Duration::from_secs(15);

/// Keeps a process counted that makes no call, and lets it know of blocks, until its budget is dropped.
pub(super) async fn beat(inner: Weak<Inner>) {
    let mut ticks = tokio::time::interval(BEAT);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let Some(inner) = inner.upgrade() else { return };
        if let Some(shared) = &inner.shared {
            match shared.beat(inner.remembered(false)).await {
                Ok(learned) => inner.learn(learned),
                // Whoever waits notices it and tells.
                Err(error) => tracing::debug!(%error, group = inner.spec.name, "no contact with Redis"),
            }
        }
    }
}

/// The most processes seen in the last 15 s of contact: a Redis that lost its state counts anew, and while it is away
/// nobody is forgotten.
#[derive(Debug)]
pub(super) struct Live {
    most: u32,
    seen: Instant,
}

impl Live {
    pub(super) fn new(now: Instant) -> Self {
        Self { most: 0, seen: now }
    }

    /// Redis is back after this process went on alone.
    pub(super) fn regained(&mut self, now: Instant) {
        self.seen = now;
    }

    /// Redis counts so many; answers how many are believed. `alone`: this process still goes on alone.
    pub(super) fn counted(&mut self, processes: u32, alone: bool, now: Instant) -> u32 {
        if processes >= self.most || (!alone && now.duration_since(self.seen) > LIVE) {
            self.most = processes;
            self.seen = now;
        }
        self.most
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_ends_is_forgotten_in_time_but_not_because_redis_lost_its_state() {
        let start = Instant::now();
        let mut live = Live::new(start);
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(live.counted(3, false, at(1)), 3);
        assert_eq!(live.counted(1, false, at(10)), 3, "it may have lost its state");
        assert_eq!(live.counted(2, false, at(17)), 2);
        assert_eq!(live.counted(1, true, at(60)), 2, "Redis was away");
        live.regained(at(61));
        assert_eq!(live.counted(1, false, at(62)), 2, "the others come back");
        assert_eq!(live.counted(1, false, at(80)), 1);
    }
}
