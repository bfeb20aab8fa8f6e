use domain::{JobKind, JobStatus};
use metrics::Gauge;
use service_runtime::ignored::Ignored;
use service_runtime::metrics::Metrics;

use crate::store::{Job, Settled, Store};

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
    pub fn settled(&self, kind: JobKind, settled: &[Settled]) {
        for settled in settled {
            let labels = [("kind", kind.word()), ("outcome", settled.outcome.word())];
            self.metrics
                .counter("simward_job_items_total", &labels)
                .increment(1);
        }
    }

    /// A job that is over.
    pub fn ended(&self, job: &Job) {
        let labels = [("kind", job.kind.word()), ("status", job.status.word())];
        self.metrics
            .counter("simward_jobs_ended_total", &labels)
            .increment(1);
    }

    /// A reading about an open call that could not be made.
    pub fn reading_failed(&self, kind: JobKind) {
        self.metrics
            .counter("simward_job_call_readings_failed_total", &[("kind", kind.word())])
            .increment(1);
    }

    /// Jobs of each status and items that wait, as all replicas see them.
    pub async fn show(&self, store: &Store) {
        let counts = match store.count_jobs().await {
            Ok(counts) => counts,
            failed => return failed.ignored("counting the jobs for their metrics"),
        };
        for kind in JobKind::ALL {
            let of_kind = || counts.iter().filter(move |count| count.kind == kind);
            for status in JobStatus::ALL.into_iter().filter(|status| !status.is_final()) {
                let of_status = of_kind().filter(|count| count.status == status);
                let jobs: i64 = of_status.map(|count| count.jobs).sum();
                self.gauge(
                    "simward_jobs",
                    &[("kind", kind.word()), ("status", status.word())],
                )
                .set(jobs as f64);
            }
            let jobs_waiting: i64 = of_kind().map(|count| count.waiting).sum();
            self.gauge("simward_jobs_waiting_for_1nce", &[("kind", kind.word())])
                .set(jobs_waiting as f64);
            let calls = of_kind().map(|count| count.open_calls).sum::<i64>();
            self.gauge("simward_job_calls_open", &[("kind", kind.word())])
                .set(calls as f64);
            let oldest = of_kind().map(|count| count.oldest_call_seconds);
            self.gauge("simward_job_calls_oldest_seconds", &[("kind", kind.word())])
                .set(oldest.fold(0.0, f64::max));
            let waiting: i64 = of_kind().map(|count| count.items_waiting).sum();
            self.gauge("simward_job_items_waiting", &[("kind", kind.word())])
                .set(waiting as f64);
        }
    }

    fn gauge(&self, name: &'static str, labels: &[(&'static str, &str)]) -> Gauge {
        self.metrics.gauge(name, labels)
    }
}
