//! The right to send one request, and when it counts: not before the request can have arrived at 1NCE.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::{Budget, Lane};

/// How late an arrival is believed to be at most, where only the time of the answer tells.
const LATEST: Duration = Duration::from_millis(250);

/// The right to send one request; [`Grant::settle`] it when the answer is there.
pub(crate) struct Grant {
    budget: Budget,
    id: u64,
    lane: Lane,
    shared: bool,
    /// The request cannot have left earlier.
    from: Mutex<Instant>,
    /// A connection is being opened for the request, which leaves over this one or over another that comes free.
    opening: AtomicBool,
}

impl Grant {
    /// The request leaves at `from` at the earliest.
    pub(super) fn new(budget: Budget, id: u64, lane: Lane, shared: bool, from: Instant) -> Self {
        Self {
            budget,
            id,
            lane,
            shared,
            from: Mutex::new(from),
            opening: AtomicBool::new(false),
        }
    }

    fn from(&self) -> MutexGuard<'_, Instant> {
        self.from.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells that the request has not left before now, and counts the grant from now on if that is later by more than
    /// half the guard.
    pub(crate) fn leaves_now(&self) {
        let mut from = self.from();
        let late = from.elapsed();
        if late > self.budget.inner.spec.guard / 2 {
            *from += late;
            self.count_later(late);
        }
    }

    /// Tells that a connection is being opened for the request.
    pub(crate) fn opens_connection(&self) {
        self.opening.store(true, Ordering::Relaxed);
    }

    /// Tells that the request leaves now, over the connection that was opened for it.
    pub(crate) fn connection_is_open(&self) {
        self.opening.store(false, Ordering::Relaxed);
        self.leaves_now();
    }

    /// Tells that the answer is there, and counts the grant later if it took unusually long. `succeeded`: what time it
    /// took is learnt from; refusals and failures are often quicker.
    pub(crate) fn settle(&self, endpoint: &'static str, succeeded: bool) {
        let inner = &self.budget.inner;
        let from = *self.from();
        let answer = Answer {
            from,
            took: from.elapsed(),
            // How long it waited until another request's connection came free is not known.
            most: if self.opening.load(Ordering::Relaxed) {
                Duration::MAX
            } else {
                LATEST
            },
        };
        let late = inner
            .usual
            .lateness(endpoint, answer, succeeded, inner.spec.guard);
        if !late.is_zero() {
            self.count_later(late);
        }
    }

    /// Nobody waits for it: the request would leave later still.
    fn count_later(&self, late: Duration) {
        let budget = self.budget.clone();
        let (lane, id) = (self.lane, self.id);
        if !self.shared {
            budget.inner.local().shift(id, late);
            return;
        }
        tokio::spawn(async move {
            if let Some(shared) = &budget.inner.shared
                && let Err(error) = shared.shift(lane, id, late).await
            {
                tracing::debug!(%error, "cannot count a late call later");
            }
        });
    }
}

/// When an answer came.
#[derive(Debug, Clone, Copy)]
struct Answer {
    /// When its request may have left.
    from: Instant,
    took: Duration,
    /// How late its request's arrival is believed to be at most.
    most: Duration,
}

/// Per endpoint, the usual time from when a request may leave to its answer.
#[derive(Default)]
pub(super) struct Usual(Mutex<HashMap<&'static str, Known>>);

struct Known {
    first_answer: Instant,
    /// Near the least seen lately.
    usual: Duration,
}

impl Usual {
    /// How late a request may have arrived beyond the guard, from how long its answer took; learns what is usual.
    fn lateness(&self, endpoint: &'static str, answer: Answer, learns: bool, guard: Duration) -> Duration {
        let Answer { from, took, most } = answer;
        let beyond_guard = |late: Duration| late.saturating_sub(guard).min(most);
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(known) = all.get_mut(endpoint) else {
            if learns {
                let first_answer = from + took;
                all.insert(
                    endpoint,
                    Known {
                        first_answer,
                        usual: took,
                    },
                );
            }
            return beyond_guard(took);
        };
        let least = known.usual.min(took);
        let excess = took - least;
        if learns {
            // Rises slowly, so that a server that became slower is believed after some hundreds of calls.
            known.usual = least + excess / 256;
        }
        if from < known.first_answer {
            // It left when nothing was known; which part of the time was the way there, nothing tells.
            beyond_guard(took)
        } else if excess > least.max(guard) {
            beyond_guard(excess)
        } else {
            Duration::ZERO
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GUARD: Duration = Duration::from_millis(30);

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    /// What an answer tells that took so long from `from` on.
    fn told(usual: &Usual, endpoint: &'static str, from: Instant, took: u64) -> Duration {
        let answer = Answer {
            from,
            took: ms(took),
            most: LATEST,
        };
        usual.lateness(endpoint, answer, true, GUARD)
    }

    #[test]
    fn what_left_before_the_first_answer_of_its_endpoint_may_have_been_late_as_a_whole() {
        let (usual, start) = (Usual::default(), Instant::now());

        assert_eq!(told(&usual, "GET /a", start, 110), ms(80));
        assert_eq!(told(&usual, "GET /a", start + ms(20), 110), ms(80));
        assert_eq!(told(&usual, "GET /b", start, 20), ms(0));
        assert_eq!(told(&usual, "GET /c", start, 4_000), LATEST);
        assert_eq!(told(&usual, "GET /a", start + ms(200), 110), ms(0));
    }

    #[test]
    fn an_answer_that_takes_twice_as_long_as_usual_was_late_by_the_difference() {
        let (usual, start) = (Usual::default(), Instant::now());
        told(&usual, "GET /a", start, 50);
        let later = start + ms(100);

        assert_eq!(told(&usual, "GET /a", later, 50), ms(0));
        assert_eq!(told(&usual, "GET /a", later, 90), ms(0), "its own speed varies");
        assert!(told(&usual, "GET /a", later, 150) > ms(60));
    }

    #[test]
    fn a_quick_refusal_is_not_what_is_usual() {
        let (usual, start) = (Usual::default(), Instant::now());
        told(&usual, "GET /a", start, 50);
        let later = start + ms(100);
        let refusal = Answer {
            from: later,
            took: ms(1),
            most: LATEST,
        };

        assert_eq!(usual.lateness("GET /a", refusal, false, GUARD), ms(0));
        assert_eq!(told(&usual, "GET /a", later, 90), ms(0));
    }
}
