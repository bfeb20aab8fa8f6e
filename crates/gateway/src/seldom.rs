use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use chrono::Utc;

const PAUSE_MS: i64 = 1000;

/// Lets one of many equal log lines a second through: what anybody can cause must not fill the log.
#[derive(Debug, Default)]
pub struct Seldom {
    next_ms: AtomicI64,
    held_back: AtomicU64,
}

impl Seldom {
    /// How many lines were held back since the last one, when this one may be written.
    pub fn pass(&self) -> Option<u64> {
        self.pass_at(Utc::now().timestamp_millis())
    }

    fn pass_at(&self, now: i64) -> Option<u64> {
        let next = self.next_ms.load(Ordering::Relaxed);
        let first = now >= next
            && self
                .next_ms
                .compare_exchange(next, now + PAUSE_MS, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok();
        if first {
            Some(self.held_back.swap(0, Ordering::Relaxed))
        } else {
            self.held_back.fetch_add(1, Ordering::Relaxed);
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_a_second_passes_and_tells_how_many_did_not() {
        let seldom = Seldom::default();
        assert_eq!(seldom.pass_at(10_000), Some(0));
        assert_eq!(seldom.pass_at(10_001), None);
        assert_eq!(seldom.pass_at(10_999), None);
        assert_eq!(seldom.pass_at(11_000), Some(2));
        assert_eq!(seldom.pass_at(12_000), Some(0));
    }
}
