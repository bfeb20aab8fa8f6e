use domain::RunState;
use metrics::{Counter, Gauge};
use service_runtime::metrics::Metrics;

/// How the sweep of one account goes.
#[derive(Clone)]
pub(super) struct SweepMetrics {
    /// Pages stored.
    pub pages: Counter,
    /// Rows that a page changed or added.
    pub changed: Counter,
    /// Records that could not be read.
    pub rejected: Counter,
    /// Runs that ended well.
    pub completed: Counter,
    /// Runs that were given up.
    pub failed: Counter,
    /// 1 while this process works on a run.
    pub running: Gauge,
    /// 1 while 1NCE gives this process's run no page.
    pub waiting: Gauge,
}

impl SweepMetrics {
    pub fn new(metrics: &Metrics, account: &str) -> Self {
        let label = ("account", account);
        Self {
            pages: metrics.counter("simward_sweep_pages_total", &[label]),
            changed: metrics.counter("simward_sweep_changed_sims_total", &[label]),
            rejected: metrics.counter("simward_sweep_rejected_records_total", &[label]),
            completed: metrics.counter(
                "simward_sweep_runs_total",
                &[label, ("state", RunState::Completed.word())],
            ),
            failed: metrics.counter(
                "simward_sweep_runs_total",
                &[label, ("state", RunState::Failed.word())],
            ),
            running: metrics.gauge("simward_sweep_running", &[label]),
            waiting: metrics.gauge("simward_sweep_waiting", &[label]),
        }
    }
}
