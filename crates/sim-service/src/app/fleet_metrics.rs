//! How large the fleet is, by status, for alerts: each replica shows it, whoever sweeps.

use std::time::Duration;

use domain::ListStatus;
use service_runtime::ignored::Ignored;
use service_runtime::metrics::Metrics;
use service_runtime::shutdown::Shutdown;

use crate::store::Store;

const PERIOD: Duration = Duration::from_secs(15);

/// Sets `simward_sims` of one account again and again, until the end.
pub async fn run(store: Store, account: String, metrics: Metrics, shutdown: Shutdown) {
    let gauge = |status: &str| {
        let labels = [("account", account.as_str()), ("status", status)];
        metrics.gauge("simward_sims", &labels)
    };
    let gauges = ListStatus::ALL.map(|status| (status.code(), gauge(status.word())));
    loop {
        match store.count_by_status(&account).await {
            Ok(counts) => {
                for (status, gauge) in &gauges {
                    let held = counts.iter().find(|(counted, _)| counted == status);
                    gauge.set(held.map_or(0.0, |(_, sims)| *sims as f64));
                }
            }
            failed => failed.ignored("counting the fleet for its metrics"),
        }
        if !shutdown.sleep(PERIOD).await {
            return;
        }
    }
}
