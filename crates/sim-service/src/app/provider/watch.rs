//! Looks at each account's API again and again: for metrics, health, warnings, and a line in the log once a day.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use chrono::{DateTime, NaiveDate, Utc};
use messages::pb::sim as pb;
use once_client::{Generation, Lane, OnceClient};
use service_runtime::metrics::Metrics;
use service_runtime::shutdown::Shutdown;

use super::metrics::ProviderMetrics;
use super::report::Known;
use crate::config::ProviderConfig;

/// The first reading of the fleet asks 1NCE the same; it goes before.
const FIRST_LOOK: Duration = Duration::from_secs(5);
/// Longest wait for a sign of v1; a look that waits for an outage to end would see nothing else.
const PATIENCE: Duration = Duration::from_secs(20);

/// What was seen last, for those who must not wait for 1NCE. Cheap to clone.
#[derive(Clone)]
pub struct Watch {
    seen: Arc<RwLock<BTreeMap<String, Known>>>,
    period: Duration,
    clock: fn() -> DateTime<Utc>,
}

impl Watch {
    /// Nothing is seen yet; `clock` tells how far the end of v1 is.
    pub fn new(config: &ProviderConfig, clock: fn() -> DateTime<Utc>) -> Self {
        Self {
            seen: Arc::default(),
            period: Duration::from_secs(config.look_seconds),
            clock,
        }
    }

    /// The time by the watch's clock.
    pub fn now(&self) -> DateTime<Utc> {
        (self.clock)()
    }

    /// The warning of v1's end of each account that needs one; asks nobody.
    pub fn end_warnings(&self) -> Vec<String> {
        let now = self.now();
        let seen = self.seen.read().unwrap_or_else(PoisonError::into_inner);
        seen.values().filter_map(|known| known.end_warning(now)).collect()
    }

    /// What should worry whoever runs the account; asks nobody.
    pub fn warnings(&self, client: &OnceClient) -> Vec<pb::ProviderWarning> {
        let known = {
            let seen = self.seen.read().unwrap_or_else(PoisonError::into_inner);
            seen.get(client.account().as_str()).cloned()
        };
        let known = known.map(|known| Known {
            login: client.last_login(),
            ..known
        });
        known.map_or_else(Vec::new, |known| known.warnings(self.now()))
    }

    fn keep(&self, known: Known) {
        let mut seen = self.seen.write().unwrap_or_else(PoisonError::into_inner);
        seen.insert(known.account.clone(), known);
    }
}

/// Looks at one account again and again, until the end.
pub async fn run(watch: Watch, client: OnceClient, metrics: Metrics, shutdown: Shutdown) {
    let metrics = ProviderMetrics::new(&metrics, client.account().as_str());
    let mut said_on = None;
    let mut wait = watch.period.min(FIRST_LOOK);
    while shutdown.sleep(wait).await {
        wait = watch.period;
        let Some(known) = shutdown.or(look(&client)).await else {
            return;
        };
        metrics.show(&known, watch.now());
        say_once_a_day(&known, watch.now(), &mut said_on);
        watch.keep(known);
    }
}

/// The list is read through v2, so nothing else would notice that v1 has ended before it is needed.
async fn look(client: &OnceClient) -> Known {
    let known = Known::of(client).await;
    let asks = known.readiness.asked_at.is_some();
    if !asks || known.through_v1().is_empty() {
        return known;
    }
    let sign = client.list_sims_in(Generation::V1, Lane::Background, 1, 1);
    match tokio::time::timeout(PATIENCE, sign).await {
        Ok(Ok(_)) => known,
        failed => {
            tracing::debug!(
                ?failed,
                account = known.account,
                "v1 of 1NCE's API does not list SIMs"
            );
            Known::of(client).await
        }
    }
}

fn say_once_a_day(known: &Known, now: DateTime<Utc>, said_on: &mut Option<NaiveDate>) {
    if let Some(warning) = due(known, now, *said_on) {
        *said_on = Some(now.date_naive());
        tracing::warn!(account = known.account, "{warning}");
    }
}

/// What the log has to say of the end of v1 today (UTC), unless it was said.
fn due(known: &Known, now: DateTime<Utc>, said_on: Option<NaiveDate>) -> Option<String> {
    let is_said = said_on == Some(now.date_naive());
    known.end_warning(now).filter(|_| !is_said)
}

#[cfg(test)]
mod tests {
    use once_client::Capability;

    use super::super::report::tests::{known, through};
    use super::*;

    #[test]
    fn the_log_has_a_line_a_day_as_long_as_something_runs_through_v1() {
        let needs = known(&[through(Capability::Usage, Generation::V1)]);
        let evening: DateTime<Utc> = "2026-12-10T23:59:00Z".parse().unwrap();
        let mut said_on = None;
        assert!(due(&needs, evening, said_on).is_some());
        say_once_a_day(&needs, evening, &mut said_on);
        assert_eq!(due(&needs, evening, said_on), None);
        let next_day = evening + chrono::TimeDelta::minutes(2);
        assert!(due(&needs, next_day, said_on).is_some());

        let needs_nothing = known(&[through(Capability::Usage, Generation::V2)]);
        assert_eq!(due(&needs_nothing, evening, None), None);
    }
}
