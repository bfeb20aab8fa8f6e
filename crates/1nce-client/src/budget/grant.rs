//! The right to send one request, and when it counts: not before the request can have arrived at 1NCE.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::{Budget, Lane};

/// How late an arrival is believed to be at most, where only the time of the answer tells.
const LATEST: Duration = Duration::from_millis(250);

/// The right to send one request; [`Grant::settle`] it when the answer is there.
pub(crate) struct Grant {
    budget: Budget,
    pub(super) id: u64,
    pub(super) lane: Lane,
    shared: bool,
    /// The request cannot have left earlier.
    from: Mutex<Instant>,
}

impl Grant {
    /// `asked` is a moment before the budget was asked.
    pub(super) fn new(budget: Budget, id: u64, lane: Lane, shared: bool, asked: Instant) -> Self {
        Self {
            budget,
            id,
            lane,
            shared,
            from: Mutex::new(asked),
        }
    }

    fn from(&self) -> MutexGuard<'_, Instant> {
        self.from.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells that the request has not left before now, and counts the grant from now on if that is later than usual.
    pub(crate) async fn leaves_now(&self) {
        let late = self.from().elapsed();
        if late > self.budget.inner.spec.guard / 2 {
            *self.from() += late;
            self.count_later(late).await;
        }
    }

    /// Tells that the answer is there, and counts the grant later if it took unusually long.
    pub(crate) async fn settle(&self, endpoint: &'static str) {
        let took = self.from().elapsed();
        let inner = &self.budget.inner;
        let late = inner.usual.lateness(endpoint, took, inner.spec.guard);
        if !late.is_zero() {
            self.count_later(late).await;
        }
    }

    async fn count_later(&self, late: Duration) {
        let inner = &self.budget.inner;
        if !self.shared {
            inner.local().shift(self.id, late);
        } else if let Some(shared) = &inner.shared
            && let Err(error) = shared.shift(self, late).await
        {
            tracing::debug!(%error, "cannot count a late call later");
        }
    }
}

/// Per endpoint, the usual time from when a request may leave to its answer: near the least seen lately.
#[derive(Default)]
pub(super) struct Usual(Mutex<HashMap<&'static str, Duration>>);

impl Usual {
    /// How late a request may have arrived beyond the guard, from how long its answer took; learns what is usual.
    fn lateness(&self, endpoint: &'static str, took: Duration, guard: Duration) -> Duration {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(usual) = all.get_mut(endpoint) else {
            all.insert(endpoint, took);
            // Nothing tells which part of the first answer's time was the way there.
            return took.saturating_sub(guard).min(LATEST);
        };
        let least = (*usual).min(took);
        let excess = took - least;
        // Rises slowly, so that a server that became slower is believed after some hundreds of calls.
        *usual = least + excess / 256;
        if excess > least.max(guard) {
            (excess - guard).min(LATEST)
        } else {
            Duration::ZERO
        }
    }
}

#[cfg(test)]
mod tests {
    use tower_layer::Layer;
    use tower_service::Service;

    use super::super::{LimitSpec, Turn};
    use super::*;
    use crate::connection::{self, CountFromOpening};
    use crate::metrics::ClientMetrics;

    const GUARD: Duration = Duration::from_millis(30);

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn the_first_answer_of_an_endpoint_may_have_been_late_as_a_whole() {
        let usual = Usual::default();

        assert_eq!(usual.lateness("GET /a", ms(110), GUARD), ms(80));
        assert_eq!(usual.lateness("GET /b", ms(20), GUARD), ms(0));
        assert_eq!(usual.lateness("GET /c", ms(4_000), GUARD), LATEST);
    }

    #[test]
    fn an_answer_that_takes_twice_as_long_as_usual_was_late_by_the_difference() {
        let usual = Usual::default();
        usual.lateness("GET /a", ms(50), GUARD);

        assert_eq!(usual.lateness("GET /a", ms(50), GUARD), ms(0));
        assert_eq!(
            usual.lateness("GET /a", ms(90), GUARD),
            ms(0),
            "its own speed varies"
        );
        assert!(usual.lateness("GET /a", ms(150), GUARD) > ms(60));
    }

    /// A connector that needs so long.
    #[derive(Clone)]
    struct Slow(Duration);

    impl Service<()> for Slow {
        type Response = ();
        type Error = std::convert::Infallible;
        type Future = std::pin::Pin<Box<dyn Future<Output = Result<(), Self::Error>> + Send>>;

        fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), Self::Error>> {
            std::task::Poll::Ready(Ok(()))
        }

        fn call(&mut self, (): ()) -> Self::Future {
            let time = self.0;
            Box::pin(async move {
                tokio::time::sleep(time).await;
                Ok(())
            })
        }
    }

    #[tokio::test]
    async fn a_grant_counts_from_when_the_connection_of_its_request_is_open() {
        let window = Duration::from_secs(1) + GUARD;
        let mut spec = LimitSpec::sims(1, GUARD, 1);
        spec.cold_wait = Duration::ZERO;
        let metrics = ClientMetrics::new(std::sync::Arc::new(metrics::NoopRecorder), "test");
        let budget = Budget::new(spec, None, Duration::from_secs(1), [None; 3], metrics);
        let grant = budget.acquire(Lane::Interactive).await.unwrap();

        let started = Instant::now();
        let mut connector = CountFromOpening.layer(Slow(ms(100)));
        connection::granted(&grant, async { connector.call(()).await })
            .await
            .unwrap();
        let opened = Instant::now();

        let mut local = budget.inner.local();
        let before = started + ms(99) + window;
        assert!(matches!(
            local.look(Lane::Interactive, false, before),
            Turn::Wait(_)
        ));
        assert!(matches!(
            local.look(Lane::Interactive, false, opened + window),
            Turn::Granted(_)
        ));
    }
}
