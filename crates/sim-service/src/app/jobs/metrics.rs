use metrics::Gauge;
use service_runtime::ignored::Ignored;
use service_runtime::metrics::Metrics;

use super::KINDS;
use crate::store::{Job, Settled, Store};

/// The statuses of jobs that have not ended.
const OPEN: [&str; 5] = ["uploading", "queued", "running", "paused", "cancelled"];

/// How jobs go.
#[derive(Clone)]
pub struct JobMetrics {
    metrics: Metrics,
}

impl JobMetrics {
    pub fn new(metrics: &Metrics) -> Self {
        Self {
            metrics: metrics.clone(),
        }
    }

    /// Items that have an outcome now.
    pub fn settled(&self, kind: &str, settled: &[Settled]) {
        for settled in settled {
            let labels = [("kind", kind), ("outcome", settled.outcome)];
            self.metrics
                .counter("simward_job_items_total", &labels)
                .increment(1);
        }
    }

    /// A job that is over.
    pub fn ended(&self, job: &Job) {
        let labels = [("kind", job.kind.as_str()), ("status", job.status.as_str())];
        self.metrics
            .counter("simward_jobs_ended_total", &labels)
            .increment(1);
    }

    /// Jobs of each status and items that wait, as all replicas see them.
    pub async fn show(&self, store: &Store) {
        let counts = match store.count_jobs().await {
            Ok(counts) => counts,
            failed => return failed.ignored("counting the jobs for their metrics"),
        };
        for kind in KINDS {
            let of_kind = || counts.iter().filter(move |row| row.0 == kind);
            for status in OPEN {
                let jobs: i64 = of_kind().filter(|row| row.1 == status).map(|row| row.2).sum();
                self.gauge("simward_jobs", &[("kind", kind), ("status", status)])
                    .set(jobs as f64);
            }
            let waiting: i64 = of_kind().map(|row| row.3).sum();
            self.gauge("simward_job_items_waiting", &[("kind", kind)])
                .set(waiting as f64);
        }
    }

    fn gauge(&self, name: &'static str, labels: &[(&'static str, &str)]) -> Gauge {
        self.metrics.gauge(name, labels)
    }
}
