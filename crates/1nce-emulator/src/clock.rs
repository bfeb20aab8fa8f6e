//! The domain clock: real time plus an offset that tests may move forward.
//!
//! Rate limits do not use it: they are measured on the monotonic clock at arrival.

use std::sync::atomic::{AtomicI64, Ordering};

use chrono::Utc;

/// Milliseconds since the Unix epoch, UTC.
pub type Millis = i64;

/// Real time plus the distance travelled so far.
#[derive(Debug, Default)]
pub struct Clock {
    offset: AtomicI64,
}

impl Clock {
    /// The emulated moment.
    pub fn now(&self) -> Millis {
        Utc::now().timestamp_millis() + self.offset.load(Ordering::SeqCst)
    }

    /// Moves the clock; a negative distance moves it back.
    pub fn advance(&self, seconds: i64) {
        self.offset
            .fetch_add(seconds.saturating_mul(1000), Ordering::SeqCst);
    }

    /// Distance travelled since the start, in seconds.
    pub fn offset_seconds(&self) -> i64 {
        self.offset.load(Ordering::SeqCst) / 1000
    }
}
