//! One job in the hands of one process, as long as it holds the job's lease.

use std::time::{Duration, Instant};

use domain::{ItemOutcome, JobStatus};
use futures_util::FutureExt;
use messages::ErrorCode;
use once_client::ClientError;
use service_runtime::ignored::Ignored;
use service_runtime::lease::{Lease, LeaseError};
use service_runtime::shutdown::Shutdown;
use uuid::Uuid;

use super::metrics::JobMetrics;
use super::spec::JobSpec;
use crate::app::App;
use crate::app::announce::Announcements;
use crate::error::StoreError;
use crate::store::{Job, LeftOver, Scope, Settled, StatusChange, Store, begin_under};

/// How often a failure that may pass is tried again, and how often a call without an answer is looked at.
pub const MOST_ATTEMPTS: i32 = 5;
/// After so long a job gives way to one that waits for a place.
const SLICE: Duration = Duration::from_secs(20);
const LONGEST_POLL: Duration = Duration::from_secs(1);

/// How far a step came.
#[derive(Debug)]
pub enum Progress {
    /// There may be more to do at once.
    Went,
    /// All that is left waits for its time.
    Waits,
    /// Nothing is left.
    Nothing,
    /// The whole job fails.
    Failed(ErrorCode, String),
}

/// The worker of one job.
pub struct Worker {
    pub app: App,
    pub lease: Lease,
    pub id: Uuid,
    pub metrics: JobMetrics,
    pub shutdown: Shutdown,
    since: Instant,
}

/// Works on a job until it ends, gives way, or the process ends. Does nothing when another process works on it.
///
/// # Errors
/// The database's, and the loss of the lease: another process continues.
pub async fn run(
    app: App,
    id: Uuid,
    owner: Uuid,
    metrics: JobMetrics,
    shutdown: Shutdown,
) -> Result<(), StoreError> {
    let db = app.store.db().clone();
    let time = Duration::from_secs(app.jobs.lease_seconds);
    let Some(lease) = Lease::acquire(&db, &format!("job {id}"), owner, time).await? else {
        return Ok(());
    };
    let Some(job) = app.store.take_up_job(&lease, id).await? else {
        return Ok(lease.release(&db).await?);
    };
    tracing::info!(job = %id, kind = %job.kind, status = %job.status, done = job.done, "job is taken up");
    let worker = Worker {
        app,
        lease,
        id,
        metrics,
        shutdown,
        since: Instant::now(),
    };
    let outcome = tokio::select! {
        outcome = worker.drive().boxed() => outcome,
        error = worker.keep_lease(time) => Err(error),
    };
    if !matches!(outcome, Err(StoreError::Lease(LeaseError::Lost(_)))) {
        worker
            .lease
            .release(&db)
            .await
            .ignored("releasing the job's lease");
    }
    outcome
}

impl Worker {
    async fn keep_lease(&self, time: Duration) -> StoreError {
        loop {
            tokio::time::sleep(time / 3).await;
            let renewed = async {
                let transaction = begin_under(&self.app.store, &self.lease).await?;
                Ok(transaction.commit().await?)
            };
            if let Err(error) = renewed.await {
                return error;
            }
        }
    }

    async fn drive(&self) -> Result<(), StoreError> {
        while !self.shutdown.has_started() && !self.gives_way().await? {
            let Some(job) = self.app.store.job(Scope::All, self.id).await? else {
                return Ok(());
            };
            let outcome = match serde_json::from_value(job.spec.clone()) {
                Ok(spec) => self.step(&job, &spec).await,
                Err(error) => Err(StoreError::Json(error)),
            };
            let progress = match outcome {
                Err(error) if error.is_permanent() => {
                    Progress::Failed(ErrorCode::Internal, format!("cannot be stored: {error}"))
                }
                outcome => outcome?,
            };
            if self.is_over(&job, progress).await? {
                return Ok(());
            }
        }
        Ok(())
    }

    async fn step(&self, job: &Job, spec: &JobSpec) -> Result<Progress, StoreError> {
        match (job.status, spec) {
            (JobStatus::Queued, spec) => {
                self.app.store.begin_job(&self.lease, job, spec.filter()).await?;
                Ok(Progress::Went)
            }
            (JobStatus::Running, JobSpec::Update { change, .. }) => self.update_some(job, Some(change)).await,
            (JobStatus::Running, JobSpec::Import { .. }) => self.update_some(job, None).await,
            (JobStatus::Running, action) => self.act_on_some(job, action).await,
            (_, JobSpec::Update { .. } | JobSpec::Import { .. }) => Ok(Progress::Nothing),
            (_, action) => self.settle_calls(job, action).await,
        }
    }

    /// Whether this worker has nothing more to do for the job.
    async fn is_over(&self, job: &Job, progress: Progress) -> Result<bool, StoreError> {
        let from = job.status;
        let end = match (progress, from) {
            (Progress::Went, _) => return Ok(false),
            (Progress::Waits, _) => {
                self.shutdown.sleep(self.pause(0).min(LONGEST_POLL)).await;
                return Ok(false);
            }
            (Progress::Nothing, JobStatus::Running) => {
                let to = JobStatus::Completed;
                self.finish(StatusChange { from, to }, None).await?
            }
            (Progress::Nothing, JobStatus::Cancelled) => {
                self.finish(StatusChange { from, to: from }, None).await?
            }
            (Progress::Nothing, _) => true,
            (Progress::Failed(code, reason), _) => {
                let to = JobStatus::Failed;
                self.finish(StatusChange { from, to }, Some((code, reason)))
                    .await?
            }
        };
        Ok(end)
    }

    /// Ends the job and tells it; `false` when somebody has changed its status meanwhile.
    async fn finish(
        &self,
        change: StatusChange,
        failure: Option<(ErrorCode, String)>,
    ) -> Result<bool, StoreError> {
        let left_over = match &failure {
            Some((code, reason)) => LeftOver {
                outcome: ItemOutcome::Failed,
                code: Some(code.word()),
                message: Some(reason),
            },
            None => LeftOver {
                outcome: ItemOutcome::Cancelled,
                code: None,
                message: None,
            },
        };
        let error = failure
            .as_ref()
            .map(|(code, reason)| format!("{}: {reason}", code.word()));
        let mut announcements = Announcements::new(&self.app.subjects);
        let mut told = self.app.outbox.begin().await?;
        let ended = Store::finish_job(&mut told, self.id, change, &left_over, error.as_deref()).await?;
        let Some(job) = ended else { return Ok(false) };
        announcements.job_ended(&job);
        told.events = announcements.batch;
        self.lease.check(&mut told).await?;
        told.commit().await?;
        self.metrics.ended(&job);
        tracing::info!(
            job = %job.id, kind = %job.kind, status = %job.status, done = job.done, failed = job.failed,
            unchanged = job.unchanged, uncertain = job.uncertain, error = job.error, "job is over"
        );
        Ok(true)
    }

    /// Whether another item may begin: the job is neither paused nor cancelled, and the process goes on.
    pub async fn may_begin(&self) -> Result<bool, StoreError> {
        Ok(!self.shutdown.has_started() && self.app.store.job_status(self.id).await? == JobStatus::Running)
    }

    async fn gives_way(&self) -> Result<bool, StoreError> {
        Ok(self.since.elapsed() > SLICE && !self.app.store.open_jobs(1).await?.is_empty())
    }

    /// How long an item waits after so many failures.
    pub fn pause(&self, attempts: i32) -> Duration {
        let first = Duration::from_millis(self.app.jobs.retry_ms);
        first.saturating_mul(3_u32.saturating_pow(attempts.unsigned_abs()))
    }

    /// The same, and not before 1NCE wants to be asked again.
    pub fn pause_after(&self, attempts: i32, error: &ClientError) -> f64 {
        let wanted = match error {
            ClientError::Throttled {
                retry_after: Some(wanted),
                ..
            } => *wanted,
            ClientError::CircuitOpen { retry_in } => *retry_in,
            _ => Duration::ZERO,
        };
        self.pause(attempts).max(wanted).as_secs_f64()
    }

    /// Stores outcomes that change nothing else.
    pub async fn settle(&self, job: &Job, settled: &[Settled]) -> Result<(), StoreError> {
        if settled.is_empty() {
            return Ok(());
        }
        let mut transaction = begin_under(&self.app.store, &self.lease).await?;
        Store::settle_items(&mut transaction, self.id, settled).await?;
        transaction.commit().await?;
        self.metrics.settled(job.kind, settled);
        Ok(())
    }

    /// Lets items wait for another attempt.
    pub async fn postpone(&self, seqs: &[i64], seconds: f64) -> Result<(), StoreError> {
        let mut transaction = begin_under(&self.app.store, &self.lease).await?;
        Store::postpone_items(&mut transaction, self.id, seqs, seconds).await?;
        Ok(transaction.commit().await?)
    }
}
