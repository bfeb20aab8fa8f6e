//! Holds calls back while 1NCE is failing: closed, open for a growing pause, then one probe at a time.
//!
//! Each generation of `/sims*` and each other group of endpoints has a breaker of its own: v1 may die, and orders may
//! fail, without closing the way to v2.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::capability::Generation;
use crate::config::ClientConfig;
use crate::metrics::{BreakerLabels, ClientMetrics};

/// What the breaker does with calls now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerState {
    /// Calls pass.
    Closed,
    /// Calls are held back for so long.
    Open(Duration),
    /// One probe is under way; everything else is held back.
    HalfOpen,
}

enum State {
    Closed { failures: u32 },
    Open { until: Instant, pause: Duration },
    HalfOpen { pause: Duration },
}

/// The breakers of one account in this process.
pub(crate) struct Breakers {
    sims: [Breaker; 2],
    pub orders: Breaker,
    pub products: Breaker,
    pub support: Breaker,
}

impl Breakers {
    pub(crate) fn new(config: &ClientConfig, metrics: &ClientMetrics) -> Self {
        let breaker = |group, generation| {
            Breaker::new(
                BreakerLabels { group, generation },
                config.breaker_threshold,
                config.breaker_min_pause,
                config.breaker_max_pause,
                metrics.clone(),
            )
        };
        Self {
            sims: [Generation::V1, Generation::V2].map(|generation| breaker("sims", generation.word())),
            orders: breaker("orders", "none"),
            products: breaker("products", "none"),
            support: breaker("support", "none"),
        }
    }

    /// The breaker of a generation, by its path segment.
    pub(crate) fn sims(&self, version: &str) -> &Breaker {
        let [v1, v2] = &self.sims;
        if version == Generation::V1.word() { v1 } else { v2 }
    }

    /// The state of the generation of `/sims*` that fares worst.
    pub(crate) fn sims_state(&self) -> BreakerState {
        let [v1, v2] = self.sims.each_ref().map(Breaker::state);
        match (v1, v2) {
            (BreakerState::Open(one), BreakerState::Open(two)) => BreakerState::Open(one.max(two)),
            (open @ BreakerState::Open(_), _) | (_, open @ BreakerState::Open(_)) => open,
            (BreakerState::Closed, BreakerState::Closed) => BreakerState::Closed,
            _ => BreakerState::HalfOpen,
        }
    }
}

/// One breaker. Network failures and 5xx count; a 4xx proves that 1NCE works.
#[derive(Clone)]
pub(crate) struct Breaker {
    labels: BreakerLabels,
    state: Arc<Mutex<State>>,
    threshold: u32,
    min_pause: Duration,
    max_pause: Duration,
    metrics: ClientMetrics,
}

/// The right to send one call; tell the outcome, or drop it to say that nothing was learnt.
pub(crate) struct Pass {
    breaker: Breaker,
    probe: bool,
    told: bool,
}

impl Breaker {
    fn new(
        labels: BreakerLabels,
        threshold: u32,
        min_pause: Duration,
        max_pause: Duration,
        metrics: ClientMetrics,
    ) -> Self {
        metrics.breaker_open(labels, false);
        Self {
            labels,
            state: Arc::new(Mutex::new(State::Closed { failures: 0 })),
            threshold: threshold.max(1),
            min_pause,
            max_pause,
            metrics,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn state(&self) -> BreakerState {
        match &*self.lock() {
            State::Closed { .. } => BreakerState::Closed,
            State::Open { until, .. } => BreakerState::Open(until.saturating_duration_since(Instant::now())),
            State::HalfOpen { .. } => BreakerState::HalfOpen,
        }
    }

    /// How long a call must wait before it may even try; `None` when it may try now.
    pub(crate) fn wait(&self, now: Instant) -> Option<Duration> {
        match &*self.lock() {
            State::Closed { .. } => None,
            State::Open { until, .. } => {
                Some(until.saturating_duration_since(now)).filter(|wait| !wait.is_zero())
            }
            State::HalfOpen { .. } => Some(Duration::from_millis(100)),
        }
    }

    /// The right to send, or the wait.
    pub(crate) fn pass(&self, now: Instant) -> Result<Pass, Duration> {
        if let Some(wait) = self.wait(now) {
            return Err(wait);
        }
        let mut state = self.lock();
        let probe = match &*state {
            State::Closed { .. } => false,
            // Someone else may have become the probe since `wait`.
            State::HalfOpen { .. } => return Err(Duration::from_millis(100)),
            State::Open { pause, .. } => {
                let pause = *pause;
                *state = State::HalfOpen { pause };
                true
            }
        };
        Ok(Pass {
            breaker: self.clone(),
            probe,
            told: false,
        })
    }

    fn open(&self, state: &mut State, pause: Duration, now: Instant) {
        *state = State::Open {
            until: now + pause,
            pause,
        };
        self.metrics.breaker_open(self.labels, true);
        let BreakerLabels { group, generation } = self.labels;
        tracing::warn!(
            group,
            generation,
            ?pause,
            "1NCE keeps failing; calls are held back"
        );
    }
}

impl Pass {
    /// 1NCE answered, and be it a refusal.
    pub(crate) fn alive(mut self) {
        self.told = true;
        let mut state = self.breaker.lock();
        match &*state {
            State::Closed { .. } => *state = State::Closed { failures: 0 },
            State::HalfOpen { .. } if self.probe => {
                *state = State::Closed { failures: 0 };
                let labels = self.breaker.labels;
                self.breaker.metrics.breaker_open(labels, false);
                tracing::info!(
                    group = labels.group,
                    generation = labels.generation,
                    "1NCE answers again"
                );
            }
            // A late answer to a call sent before the breaker opened proves nothing about now.
            _ => {}
        }
    }

    /// 1NCE could not be reached or answered 5xx.
    pub(crate) fn failed(mut self, now: Instant) {
        self.told = true;
        let mut state = self.breaker.lock();
        match &mut *state {
            State::Closed { failures } => {
                *failures += 1;
                if *failures >= self.breaker.threshold {
                    let pause = self.breaker.min_pause;
                    self.breaker.open(&mut state, pause, now);
                }
            }
            State::HalfOpen { pause } if self.probe => {
                let pause = (*pause * 2).min(self.breaker.max_pause);
                self.breaker.open(&mut state, pause, now);
            }
            _ => {}
        }
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        if self.told || !self.probe {
            return;
        }
        let mut state = self.breaker.lock();
        if let State::HalfOpen { pause } = &*state {
            // The probe was given up: the next caller probes.
            let pause = *pause;
            let until = Instant::now();
            *state = State::Open { until, pause };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn breaker() -> Breaker {
        let metrics = ClientMetrics::new(Arc::new(metrics::NoopRecorder), "test");
        let labels = BreakerLabels {
            group: "sims",
            generation: "v2",
        };
        Breaker::new(
            labels,
            3,
            Duration::from_secs(2),
            Duration::from_secs(30),
            metrics,
        )
    }

    fn fail(breaker: &Breaker, now: Instant) {
        breaker.pass(now).map(|pass| pass.failed(now)).unwrap();
    }

    #[test]
    fn failures_in_a_row_open_it_and_one_success_starts_the_count_again() {
        let (breaker, now) = (breaker(), Instant::now());
        fail(&breaker, now);
        fail(&breaker, now);
        breaker.pass(now).map(Pass::alive).unwrap();
        fail(&breaker, now);
        fail(&breaker, now);
        assert_eq!(breaker.state(), BreakerState::Closed);
        fail(&breaker, now);
        assert_eq!(breaker.pass(now).err(), Some(Duration::from_secs(2)));
    }

    #[test]
    fn one_probe_at_a_time_and_the_pause_doubles_until_one_succeeds() {
        let (breaker, mut now) = (breaker(), Instant::now());
        (0..3).for_each(|_| fail(&breaker, now));
        let mut pauses = Vec::new();
        for _ in 0..6 {
            let pause = breaker.wait(now).unwrap();
            pauses.push(pause.as_secs());
            now += pause;
            let probe = breaker.pass(now).unwrap();
            assert!(breaker.pass(now).is_err(), "a second probe got through");
            probe.failed(now);
        }
        assert_eq!(pauses, [2, 4, 8, 16, 30, 30]);
        now += Duration::from_secs(30);
        breaker.pass(now).map(Pass::alive).unwrap();
        assert_eq!(breaker.state(), BreakerState::Closed);
    }

    #[test]
    fn a_probe_that_is_given_up_lets_the_next_caller_probe() {
        let (breaker, now) = (breaker(), Instant::now());
        (0..3).for_each(|_| fail(&breaker, now));
        let later = now + Duration::from_secs(2);
        drop(breaker.pass(later).unwrap());
        assert!(breaker.pass(later + Duration::from_secs(1)).is_ok());
    }
}
