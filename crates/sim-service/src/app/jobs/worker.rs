//! One job in the hands of one process, as long as it holds the job's lease.

use std::time::{Duration, Instant};

use domain::JobStatus;
use futures_util::FutureExt;
use messages::ErrorCode;
use service_runtime::ignored::Ignored;
use service_runtime::lease::{Lease, LeaseError};
use service_runtime::shutdown::Shutdown;
use uuid::Uuid;

use super::metrics::JobMetrics;
use super::spec::JobSpec;
use crate::app::App;
use crate::app::announce::Announcements;
use crate::error::StoreError;
use crate::store::{Failure, Job, Scope, Settled, StatusChange, Store, Wait, begin_under};
use crate::trouble::Trouble;

/// How often a failure that may pass is tried again, and how many readings a call without an answer is worth.
pub const MOST_ATTEMPTS: i32 = 5;
/// After so long a job gives way to one that waits for a place.
const SLICE: Duration = Duration::from_secs(20);
const LONGEST_POLL: Duration = Duration::from_secs(1);
/// A job that waits for 1NCE tries again at least so often.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// How far a step came.
#[derive(Debug)]
pub enum Progress {
    /// There may be more to do at once.
    Went,
    /// All that is left waits for its time.
    Waits,
    /// Nothing is left.
    Nothing,
    /// 1NCE cannot be used at the moment: the job waits, and no item has lost an attempt.
    Away(Trouble),
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
            (_, JobSpec::Update { .. } | JobSpec::Import { .. }) => Ok(Progress::Nothing),
            (_, action) => self.act_on_some(job, action).await,
        }
    }

    /// Whether this worker has nothing more to do for the job.
    async fn is_over(&self, job: &Job, progress: Progress) -> Result<bool, StoreError> {
        let from = job.status;
        match (progress, from) {
            (Progress::Went, _) => Ok(false),
            (Progress::Waits, _) => {
                self.shutdown.sleep(self.pause(0).min(LONGEST_POLL)).await;
                Ok(false)
            }
            (Progress::Away(trouble), _) => {
                self.wait(job, &trouble).await?;
                Ok(true)
            }
            (Progress::Nothing, JobStatus::Running) => {
                let to = JobStatus::Completed;
                self.finish(StatusChange { from, to }).await
            }
            (Progress::Nothing, JobStatus::Cancelled | JobStatus::Failed) => {
                self.finish(StatusChange { from, to: from }).await
            }
            (Progress::Nothing, _) => Ok(true),
            (Progress::Failed(code, reason), JobStatus::Failed) => {
                self.leave_calls(code, &reason).await?;
                self.finish(StatusChange { from, to: from }).await
            }
            (Progress::Failed(code, reason), _) => {
                self.fail_job(from, code, &reason).await?;
                Ok(false)
            }
        }
    }

    /// The job begins nothing more; it ends when its open calls are settled.
    async fn fail_job(&self, from: JobStatus, code: ErrorCode, reason: &str) -> Result<(), StoreError> {
        tracing::warn!(job = %self.id, code = code.word(), reason, "the job fails");
        let failure = Failure {
            code: code.word(),
            reason,
        };
        // The lease is proven at the end: until then it must stay free to be kept.
        let mut transaction = self.app.store.db().pool().begin().await?;
        Store::fail_job(&mut transaction, self.id, from, &failure).await?;
        self.lease.check(&mut transaction).await?;
        Ok(transaction.commit().await?)
    }

    /// Nobody can settle the open calls of a job that has failed: a person is told.
    async fn leave_calls(&self, code: ErrorCode, reason: &str) -> Result<(), StoreError> {
        tracing::error!(job = %self.id, reason, "open calls of the job are left to a person");
        let mut transaction = begin_under(&self.app.store, &self.lease).await?;
        Store::leave_calls(&mut transaction, self.id, code.word(), reason).await?;
        Ok(transaction.commit().await?)
    }

    /// Ends the job and tells it; `false` when somebody has changed its status meanwhile.
    async fn finish(&self, change: StatusChange) -> Result<bool, StoreError> {
        let mut announcements = Announcements::new(&self.app.subjects);
        let mut told = self.app.outbox.begin().await?;
        let ended = Store::finish_job(&mut told, self.id, change).await?;
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

    /// The job waits, longer each time, and is told why.
    async fn wait(&self, job: &Job, trouble: &Trouble) -> Result<(), StoreError> {
        let reason = trouble.told();
        tracing::warn!(job = %self.id, since = ?job.waiting_since, reason, "the job waits for 1NCE");
        let wait = Wait {
            reason: &reason,
            least: self.pause(0).max(trouble.retry_after).as_secs_f64(),
            most: LONGEST_WAIT.as_secs_f64(),
        };
        let mut transaction = begin_under(&self.app.store, &self.lease).await?;
        Store::wait_job(&mut transaction, self.id, &wait).await?;
        Ok(transaction.commit().await?)
    }

    /// Notes that 1NCE answers again, when the job has waited for it.
    pub async fn end_wait(&self, job: &Job) -> Result<(), StoreError> {
        if job.waiting_since.is_none() {
            return Ok(());
        }
        tracing::info!(job = %self.id, since = ?job.waiting_since, "1NCE answers again");
        let mut transaction = begin_under(&self.app.store, &self.lease).await?;
        Store::end_wait(&mut transaction, self.id).await?;
        Ok(transaction.commit().await?)
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
