use std::sync::atomic::{AtomicI64, Ordering};

use chrono::Utc;

/// Since when every event about a SIM has reached us. What was read before may be old.
#[derive(Debug)]
pub struct Trust(AtomicI64);

impl Default for Trust {
    fn default() -> Self {
        Self(AtomicI64::new(i64::MAX))
    }
}

impl Trust {
    /// What is read from now on counts.
    pub fn from_now() -> Self {
        Self(AtomicI64::new(Utc::now().timestamp_millis()))
    }

    /// Nothing counts until [`Trust::restart`].
    pub fn stop(&self) {
        self.0.store(i64::MAX, Ordering::SeqCst);
    }

    /// What is read from now on counts.
    pub fn restart(&self) {
        self.0.store(Utc::now().timestamp_millis(), Ordering::SeqCst);
    }

    /// Whether a reading that began at this time counts.
    pub fn covers(&self, read_at_ms: i64) -> bool {
        read_at_ms >= self.0.load(Ordering::SeqCst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_read_after_the_gap_counts() {
        let trust = Trust::default();
        let now = Utc::now().timestamp_millis();
        assert!(!trust.covers(now));
        trust.restart();
        assert!(!trust.covers(now - 1));
        assert!(trust.covers(now + 1000));
        trust.stop();
        assert!(!trust.covers(now + 1000));
    }
}
