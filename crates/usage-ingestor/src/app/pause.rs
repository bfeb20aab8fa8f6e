//! Whether the readings of the account go on, and why not.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::Notify;

/// After the first failure that is the account's; doubles.
const FIRST_PAUSE: Duration = Duration::from_secs(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(120);
/// Until the API is asked again whether it offers usage.
const UNAVAILABLE_PAUSE: Duration = Duration::from_secs(3600);
/// 5xx of so many SIMs in a row are no SIM's fault.
const FAILING: u32 = 3;

/// Why nothing is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pause {
    /// 1NCE offers no usage to the account; otherwise it does not answer as it should.
    pub unavailable: bool,
    /// For people.
    pub why: String,
    pub since: DateTime<Utc>,
}

#[derive(Debug, Default)]
struct State {
    pause: Option<Pause>,
    failures: u32,
    server_errors: u32,
}

/// What the readings of one process share.
#[derive(Clone, Default)]
pub struct Readings {
    pub(super) wake: Arc<Notify>,
    /// A SIM that used something was read: it can serve to compare v2 with v1.
    pub(super) used: Arc<Notify>,
    state: Arc<Mutex<State>>,
}

impl Readings {
    /// Why nothing is read now, as far as this process knows.
    pub fn pause(&self) -> Option<Pause> {
        self.state().pause.clone()
    }

    /// Something may be due now.
    pub fn wake(&self) {
        self.wake.notify_waiters();
    }

    /// 1NCE answered about a SIM.
    pub(super) fn going(&self) {
        *self.state() = State::default();
    }

    /// Nobody offers usage to the account; answers how long to ask for none.
    pub(super) fn unavailable(&self, why: &str) -> Duration {
        self.stop(true, why);
        UNAVAILABLE_PAUSE
    }

    /// Something that concerns every SIM fails; answers how long to leave 1NCE alone.
    pub(super) fn failing(&self, why: &str) -> Duration {
        self.stop(false, why);
        let mut state = self.state();
        let doubled = FIRST_PAUSE * 2u32.pow(state.failures.min(8));
        state.failures += 1;
        doubled.min(LONGEST_PAUSE)
    }

    /// Counts a 5xx; whether so many came in a row that no SIM can be the reason.
    pub(super) fn fails_for_all(&self) -> bool {
        let mut state = self.state();
        state.server_errors += 1;
        state.server_errors >= FAILING
    }

    fn stop(&self, unavailable: bool, why: &str) {
        let mut state = self.state();
        let since = state.pause.as_ref().map_or_else(Utc::now, |pause| pause.since);
        state.pause = Some(Pause {
            unavailable,
            why: why.to_owned(),
            since,
        });
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_limit_and_end_with_the_first_answer() {
        let readings = Readings::default();
        let pauses: Vec<u64> = (0..6).map(|_| readings.failing("away").as_secs()).collect();
        assert_eq!(pauses, [10, 20, 40, 80, 120, 120]);
        assert_eq!(readings.pause().unwrap().why, "away");
        readings.going();
        assert_eq!(readings.pause(), None);
        assert_eq!(readings.failing("away"), FIRST_PAUSE);
    }

    #[test]
    fn a_pause_began_when_it_did_whatever_its_reason_became() {
        let readings = Readings::default();
        readings.failing("away");
        let since = readings.pause().unwrap().since;
        readings.unavailable("v1 is gone");
        let pause = readings.pause().unwrap();
        assert_eq!((pause.since, pause.unavailable), (since, true));
    }

    #[test]
    fn server_errors_of_several_sims_in_a_row_are_no_sims_fault() {
        let readings = Readings::default();
        assert!(!readings.fails_for_all());
        readings.going();
        assert!(!readings.fails_for_all());
        assert!(!readings.fails_for_all());
        assert!(readings.fails_for_all());
    }
}
