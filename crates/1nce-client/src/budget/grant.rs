//! The right to send one request, and when it counts: not before the request can have arrived at 1NCE.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::Budget;
use super::caller::Caller;
use super::usual::{Answer, LATEST};

/// The right to send one request; [`Grant::settle`] it when the answer is there.
pub(crate) struct Grant {
    budget: Budget,
    id: u64,
    caller: Caller,
    shared: bool,
    /// The request cannot have left earlier.
    from: Mutex<Instant>,
    /// A connection is being opened for the request, which leaves over this one or over another that comes free.
    opening: AtomicBool,
}

impl Grant {
    /// The request leaves at `from` at the earliest.
    pub(super) fn new(budget: Budget, id: u64, caller: Caller, shared: bool, from: Instant) -> Self {
        Self {
            budget,
            id,
            caller,
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
        let (caller, id) = (self.caller, self.id);
        if !self.shared {
            budget.inner.local().shift(id, late);
            return;
        }
        tokio::spawn(async move {
            if let Some(shared) = &budget.inner.shared
                && let Err(error) = shared.shift(caller, id, late).await
            {
                tracing::debug!(%error, "cannot count a late call later");
            }
        });
    }
}
