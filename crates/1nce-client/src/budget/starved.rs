//! Notices that a lane waits and gets nothing.

use std::time::{Duration, Instant};

/// When nobody has waited for this long, the wait is over.
const GAP: Duration = Duration::from_secs(10);

/// The wait of one lane: it outlasts its callers, which may give up and come again.
#[derive(Debug, Default)]
pub(super) struct Starved(Option<Wait>);

#[derive(Debug)]
struct Wait {
    since: Instant,
    seen: Instant,
    told: Instant,
}

impl Starved {
    pub(super) fn granted(&mut self) {
        self.0 = None;
    }

    /// Somebody waits. How long the lane has got nothing, and whether that is to be told: every `after`.
    pub(super) fn waits(&mut self, now: Instant, after: Duration) -> (Duration, bool) {
        let kept = self.0.take().filter(|wait| now.duration_since(wait.seen) < GAP);
        let mut wait = kept.unwrap_or(Wait {
            since: now,
            seen: now,
            told: now,
        });
        wait.seen = now;
        let tell = now.duration_since(wait.told) >= after;
        if tell {
            wait.told = now;
        }
        let starved = now.duration_since(wait.since);
        self.0 = Some(wait);
        (starved, tell)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AFTER: Duration = Duration::from_secs(300);

    #[test]
    fn a_lane_that_gets_nothing_is_told_every_so_often_also_when_its_callers_give_up_and_come_again() {
        let start = Instant::now();
        let mut lane = Starved::default();
        let told: Vec<u64> = (0..1_000)
            .filter(|second| lane.waits(start + Duration::from_secs(*second), AFTER).1)
            .collect();
        assert_eq!(told, [300, 600, 900]);
    }

    #[test]
    fn a_grant_or_a_time_without_callers_ends_the_wait() {
        let start = Instant::now();
        let mut lane = Starved::default();
        lane.waits(start, AFTER);
        lane.granted();
        assert_eq!(lane.waits(start + AFTER, AFTER), (Duration::ZERO, false));
        let later = start + AFTER * 2;
        assert_eq!(lane.waits(later, AFTER), (Duration::ZERO, false));
    }
}
