//! Bulk jobs: what people ask about them, and the work on them.

mod actions;
mod calls;
mod metrics;
mod plan;
mod request;
mod runner;
mod settle;
mod spec;
mod updates;
mod worker;

pub use runner::run;

use chrono::{DateTime, Utc};
use domain::{JobAction, JobKind, JobStatus};
use messages::ErrorCode;
use messages::pb::sim as pb;
use prost::Message;
use sqlx::PgConnection;
use uuid::Uuid;

use super::App;
use crate::error::{AppError, StoreError};
use crate::store::{ItemResult, Job, JobList, Line, NewJob, ResultList, Scope, Store};

impl App {
    /// Stores a job; its work begins when this has been answered. The same request again is answered with the job.
    ///
    /// # Errors
    /// [`AppError::Invalid`] names every field; [`AppError::Conflict`] when another request has used the id.
    pub async fn create_job(
        &self,
        scope: Scope,
        actor: &str,
        id: Uuid,
        mut request: pb::CreateJobRequest,
    ) -> Result<Job, AppError> {
        request.actor = None;
        let bytes = request.encode_to_vec();
        let (spec, named) = request::read_spec(scope, request.work)?;
        let new = NewJob {
            id,
            kind: spec.kind(),
            dry_run: request.dry_run,
            scope,
            created_by: actor,
            spec: serde_json::to_value(&spec).map_err(StoreError::from)?,
            request: &bytes,
            named,
        };
        let job =
            self.store.create_job(&new).await?.ok_or_else(|| {
                AppError::Conflict("another request has made a job with this id".to_owned())
            })?;
        self.wake_jobs.notify_one();
        Ok(job)
    }

    /// Stores lines of an import once each; returns how many are stored now.
    ///
    /// # Errors
    /// [`AppError::UnknownJob`], [`AppError::Conflict`] when the job takes no lines.
    pub async fn add_job_lines(
        &self,
        scope: Scope,
        id: Uuid,
        lines: Vec<pb::ImportLine>,
    ) -> Result<i64, AppError> {
        let lines: Vec<Line> = lines.into_iter().map(|line| read_line(scope, line)).collect();
        if lines
            .iter()
            .any(|line| line.line == 0 || line.line > i32::MAX as u32)
        {
            return Err(AppError::field("lines", "are numbered from 1"));
        }
        let mut transaction = self.store.db().pool().begin().await?;
        let job = lock(&mut transaction, scope, id).await?;
        if job.status != JobStatus::Uploading {
            return Err(AppError::Conflict("the job takes no lines any more".to_owned()));
        }
        let stored = Store::add_job_lines(&mut transaction, id, &lines).await?;
        transaction.commit().await?;
        Ok(stored)
    }

    /// All lines are there: the work begins.
    ///
    /// # Errors
    /// [`AppError::UnknownJob`], [`AppError::Conflict`] for another number of lines.
    pub async fn submit_job(&self, scope: Scope, id: Uuid, items: u64) -> Result<Job, AppError> {
        let items = i64::try_from(items).unwrap_or(i64::MAX);
        let mut transaction = self.store.db().pool().begin().await?;
        let job = lock(&mut transaction, scope, id).await?;
        if job.kind != JobKind::Import {
            return Err(AppError::Conflict("the job takes no lines".to_owned()));
        }
        let stored = Store::count_items(&mut transaction, id).await?;
        if stored != items {
            let reason = format!("{stored} lines are stored, not {items}");
            return Err(AppError::Conflict(reason));
        }
        let job = match job.status {
            JobStatus::Uploading => Store::end_upload(&mut transaction, id, stored).await?,
            JobStatus::Cancelled => return Err(AppError::Conflict("the job is cancelled".to_owned())),
            _ => return Ok(job),
        };
        transaction.commit().await?;
        self.wake_jobs.notify_one();
        Ok(job)
    }

    /// One job.
    ///
    /// # Errors
    /// [`AppError::UnknownJob`].
    pub async fn job(&self, scope: Scope, id: Uuid) -> Result<Job, AppError> {
        let job = self.store.job(scope, id).await?;
        job.ok_or(AppError::UnknownJob)
    }

    /// A page of jobs.
    ///
    /// # Errors
    /// [`AppError::Invalid`] for a foreign cursor.
    pub async fn list_jobs(&self, list: &JobList) -> Result<Vec<Job>, AppError> {
        Ok(self.store.list_jobs(list).await?)
    }

    /// A page of items.
    ///
    /// # Errors
    /// [`AppError::UnknownJob`].
    pub async fn job_results(&self, scope: Scope, list: &ResultList) -> Result<Vec<ItemResult>, AppError> {
        let job = self.store.job(scope, list.job).await?;
        job.ok_or(AppError::UnknownJob)?;
        Ok(self.store.job_results(list).await?)
    }

    /// Pauses, resumes or cancels a job. What has its effect already is answered as done.
    ///
    /// # Errors
    /// [`AppError::UnknownJob`], [`AppError::Conflict`] when the job's status does not allow it.
    pub async fn control_job(
        &self,
        scope: Scope,
        id: Uuid,
        action: JobAction,
        actor: &str,
    ) -> Result<Job, AppError> {
        let mut transaction = self.store.db().pool().begin().await?;
        let job = lock(&mut transaction, scope, id).await?;
        let Some(status) = job.status.after(action, job.started_at.is_some()) else {
            return Err(AppError::Conflict(format!("the job is {}", job.status)));
        };
        if status == job.status {
            return Ok(job);
        }
        let job = Store::set_job_status(&mut transaction, id, status).await?;
        transaction.commit().await?;
        tracing::info!(job = %id, %status, actor, "job");
        self.wake_jobs.notify_one();
        Ok(job)
    }
}

async fn lock(transaction: &mut PgConnection, scope: Scope, id: Uuid) -> Result<Job, AppError> {
    let job = Store::lock_job(transaction, scope, id).await?;
    job.ok_or(AppError::UnknownJob)
}

/// A line that cannot be carried out is kept with the reason.
fn read_line(scope: Scope, told: pb::ImportLine) -> Line {
    let iccid = domain::Iccid::parse(&told.iccid);
    let mut wrong = Vec::new();
    let change = request::read_change(scope, told.change.unwrap_or_default(), "", &mut wrong);
    let fault = match (&iccid, wrong.first()) {
        _ if !told.error.is_empty() => Some(told.error),
        (Err(error), _) => Some(error.to_string()),
        (_, Some((field, reason))) => Some(format!("{field} {reason}")),
        _ if change.is_empty() => Some("changes nothing".to_owned()),
        _ => None,
    };
    Line {
        line: told.line,
        iccid: iccid.ok(),
        text: told.iccid.chars().filter(|c| *c != '\0').take(100).collect(),
        // A wrong change is not kept: it might not even be storable.
        change: match &fault {
            None => serde_json::to_value(&change).unwrap_or_default(),
            Some(_) => serde_json::Value::Null,
        },
        error: fault.map(|text| text.replace('\0', " ")),
    }
}

/// How old the knowledge is that something is told from.
fn as_of(read_at: DateTime<Utc>) -> String {
    let at = read_at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    format!("as 1NCE told the SIM at {at}")
}

/// What a failed item is told as.
fn reason(error: AppError) -> (ErrorCode, String) {
    use once_client::ClientError;
    match error {
        AppError::Provider(ClientError::NotFound { .. }) => {
            (ErrorCode::NotFound, "1NCE does not know the SIM".to_owned())
        }
        AppError::Provider(ClientError::Invalid(reason)) => (ErrorCode::Validation, reason),
        AppError::UnknownSim => (ErrorCode::NotFound, "the SIM does not exist".to_owned()),
        error => {
            let told = service_runtime::bus::RpcError::from(error);
            (told.code, told.message)
        }
    }
}
