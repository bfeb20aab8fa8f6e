//! The token that this process holds.

use std::time::{Duration, Instant};

use super::bearer::Token;

#[derive(Clone)]
pub(super) struct Cached {
    pub token: Token,
    pub deadline: Instant,
    pub lifetime: Duration,
    /// When this process asked 1NCE for it; `None` when it came from Redis.
    pub fetched_at: Option<Instant>,
    /// When this process last looked for a newer one.
    pub early_at: Instant,
}

impl Cached {
    pub(super) fn left(&self, now: Instant) -> Duration {
        self.deadline.saturating_duration_since(now)
    }

    /// Time to look for a newer one: less than ten minutes and less than a fifth of its life are left.
    pub(super) fn is_old(&self, now: Instant) -> bool {
        self.left(now) < (self.lifetime / 5).min(Duration::from_secs(600))
    }
}
