//! Every replica offers to work on jobs, some at the same time; the lease of each lets one process through.

use std::time::{Duration, Instant};

use service_runtime::ignored::Ignored;
use service_runtime::metrics::Metrics;
use service_runtime::shutdown::Shutdown;
use tokio::task::JoinSet;
use tracing::Instrument;
use uuid::Uuid;

use super::metrics::JobMetrics;
use super::worker;
use crate::app::App;
use crate::error::StoreError;

const POLL: Duration = Duration::from_secs(1);
const SHOW: Duration = Duration::from_secs(15);
const FORGET: Duration = Duration::from_secs(3_600);

/// Works on jobs until the end, and waits then for what is in flight.
pub async fn run(app: App, metrics: Metrics, shutdown: Shutdown) {
    let mut runner = Runner {
        metrics: JobMetrics::new(&metrics),
        app,
        shutdown,
        jobs: JoinSet::new(),
        shown: None,
        forgotten: None,
    };
    while !runner.shutdown.has_started() {
        if let Err(error) = runner.look().await {
            tracing::warn!(%error, "no job is taken up");
        }
        tokio::select! {
            () = runner.shutdown.started() => {}
            () = runner.app.wake_jobs.notified() => {}
            Some(_) = runner.jobs.join_next() => {}
            () = tokio::time::sleep(POLL) => {}
        }
    }
    while runner.jobs.join_next().await.is_some() {}
}

struct Runner {
    app: App,
    metrics: JobMetrics,
    shutdown: Shutdown,
    jobs: JoinSet<()>,
    shown: Option<Instant>,
    forgotten: Option<Instant>,
}

impl Runner {
    async fn look(&mut self) -> Result<(), StoreError> {
        let store = &self.app.store;
        if is_due(&mut self.shown, SHOW) {
            self.metrics.show(store).await;
        }
        if is_due(&mut self.forgotten, FORGET) {
            store.forget_jobs().await.ignored("deleting old jobs");
        }
        let abandoned = store.cancel_abandoned_uploads().await?;
        if abandoned > 0 {
            tracing::info!(abandoned, "uploads are cancelled");
        }
        while self.jobs.try_join_next().is_some() {}
        let free = self.app.jobs.jobs_at_once.saturating_sub(self.jobs.len());
        if free == 0 {
            return Ok(());
        }
        for id in store.open_jobs(i64::try_from(free).unwrap_or(1)).await? {
            self.take_up(id);
        }
        Ok(())
    }

    fn take_up(&mut self, id: Uuid) {
        let run = worker::run(
            self.app.clone(),
            id,
            Uuid::now_v7(),
            self.metrics.clone(),
            self.shutdown.clone(),
        );
        let job = async move {
            if let Err(error) = run.await {
                tracing::warn!(%error, job = %id, "the job pauses where it is");
            }
        };
        self.jobs.spawn(job.in_current_span());
    }
}

fn is_due(last: &mut Option<Instant>, period: Duration) -> bool {
    let due = last.is_none_or(|last| last.elapsed() >= period);
    if due {
        *last = Some(Instant::now());
    }
    due
}
