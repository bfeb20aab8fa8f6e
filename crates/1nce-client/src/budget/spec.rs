use std::time::Duration;

use super::turns::PATIENCE;
use crate::config::ClientConfig;
use crate::lane::Lane;

/// How long a 429 keeps the rate down.
pub(super) const RECOVERY: Duration = Duration::from_secs(30);
/// The pause after a 429 that names none, doubled by each further one up to so often (FACTS §19).
pub(super) const FIRST_PAUSE: Duration = Duration::from_secs(1);
pub(super) const MOST_DOUBLINGS: u32 = 5;
/// The lowest factor that repeated 429s reach.
pub(super) const LEAST_FACTOR: f64 = 0.1;
/// A waiter looks again this long after a slot, for each that goes before it.
pub(super) const STAND_BACK: Duration = Duration::from_millis(10);

/// A limit of 1NCE and how we keep it.
#[derive(Debug, Clone)]
pub(crate) struct LimitSpec {
    /// For logs and metrics.
    pub name: &'static str,
    /// Calls in any `window`.
    pub capacity: u32,
    /// The window that 1NCE counts in.
    pub window: Duration,
    /// Added to the window for uneven travel.
    pub guard: Duration,
    /// Least distance of a grant from the one before, in all lanes but the interactive one.
    pub spacing: Duration,
    /// How long an unknown past is waited for.
    pub cold_wait: Duration,
    /// Processes that share the limit at least.
    pub replicas: u32,
    /// Which part of the capacity each lane may fill up to; the rest is kept for the lanes above it.
    pub lane_share: [f64; Lane::COUNT],
    /// Which part of the capacity one organization gets in the interactive lane while others wait.
    pub organization_share: f64,
    /// How often a lane that waits may be passed over; `None` where it has a part of its own, or goes first anyway.
    pub patience: [Option<u32>; Lane::COUNT],
}

impl LimitSpec {
    /// `/sims*`: so many calls per second for the whole account.
    pub(crate) fn sims(config: &ClientConfig) -> Self {
        let (window, guard) = (Duration::from_secs(1), config.budget_guard);
        Self {
            name: "sims",
            capacity: config.sims_per_second,
            window,
            guard,
            spacing: window.mul_f64(0.8 / f64::from(config.sims_per_second)),
            // Once per start: generous to calls that others sent just before and that still travel.
            cold_wait: window + guard + Duration::from_millis(120),
            replicas: config.replicas,
            lane_share: [1.0; Lane::COUNT],
            organization_share: config.organization_share,
            patience: PATIENCE,
        }
    }

    /// A limit per IP over minutes: never near in practice, so an unknown past is not waited for.
    pub(crate) fn per_ip(name: &'static str, capacity: u32, window: Duration, replicas: u32) -> Self {
        Self {
            name,
            capacity,
            window,
            guard: Duration::from_millis(100),
            spacing: Duration::ZERO,
            cold_wait: Duration::ZERO,
            replicas,
            lane_share: [1.0, 0.75, 0.5, 0.5],
            organization_share: 1.0,
            patience: [None; Lane::COUNT],
        }
    }

    /// How long a grant takes its place.
    pub(super) fn counted(&self) -> Duration {
        self.window + self.guard
    }
}
