//! The domain clock: real time, or time from a chosen start on, plus an offset that tests may move forward.
//!
//! Rate limits do not use it: they are measured on the monotonic clock at arrival.

use std::sync::atomic::{AtomicI64, Ordering};

use chrono::Utc;

/// Milliseconds since the Unix epoch, UTC.
pub type Millis = i64;

/// Time that passes as real time does, plus the distance travelled so far.
#[derive(Debug, Default)]
pub struct Clock {
    /// From real time to the chosen start.
    ahead: Millis,
    travelled: AtomicI64,
}

impl Clock {
    /// It is that moment now.
    pub fn starting_at(moment: Millis) -> Self {
        Self {
            ahead: moment - Utc::now().timestamp_millis(),
            travelled: AtomicI64::default(),
        }
    }

    /// The emulated moment.
    pub fn now(&self) -> Millis {
        Utc::now().timestamp_millis() + self.ahead + self.travelled.load(Ordering::SeqCst)
    }

    /// Moves the clock; a negative distance moves it back.
    pub fn advance(&self, seconds: i64) {
        self.travelled
            .fetch_add(seconds.saturating_mul(1000), Ordering::SeqCst);
    }

    /// Distance travelled since the start, in seconds.
    pub fn offset_seconds(&self) -> i64 {
        self.travelled.load(Ordering::SeqCst) / 1000
    }
}
