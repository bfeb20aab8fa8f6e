use std::sync::LazyLock;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Instant;

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

    /// The same, unless nothing counts.
    pub fn advance(&self) {
        let now = Utc::now().timestamp_millis();
        let advance = |since: i64| (since != i64::MAX).then(|| since.max(now));
        let changed = self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, advance);
        if changed.is_err() {
            tracing::debug!("no reading counts anyway");
        }
    }

    /// Whether a reading that began at this time counts.
    pub fn covers(&self, read_at_ms: i64) -> bool {
        read_at_ms >= self.0.load(Ordering::SeqCst)
    }
}

/// Shorter than the time after which the other replicas do not wait for this one any more.
const LEASE_MS: u64 = 2500;

/// Zero of the clock that leases are written in.
static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// How long memory may be believed after the last heartbeat that NATS brought back: others counted on us from then on.
#[derive(Debug, Default)]
pub struct Lease(AtomicU64);

impl Lease {
    /// A heartbeat came back that was sent then, by [`clock_ms`].
    pub fn renew(&self, sent_ms: u64) {
        self.0.store(sent_ms.saturating_add(LEASE_MS), Ordering::SeqCst);
    }

    /// It ends now.
    pub fn end(&self) {
        self.0.store(0, Ordering::SeqCst);
    }

    pub fn holds(&self) -> bool {
        self.holds_at(clock_ms())
    }

    fn holds_at(&self, now_ms: u64) -> bool {
        now_ms < self.0.load(Ordering::SeqCst)
    }
}

/// Milliseconds of this process, never set back.
pub fn clock_ms() -> u64 {
    u64::try_from(START.elapsed().as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_counts_from_the_sending_of_the_heartbeat() {
        let lease = Lease::default();
        assert!(!lease.holds_at(17));
        lease.renew(17);
        assert!(lease.holds_at(17 + LEASE_MS - 1));
        assert!(!lease.holds_at(17 + LEASE_MS));
        lease.renew(18);
        lease.end();
        assert!(!lease.holds_at(18));
    }

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
