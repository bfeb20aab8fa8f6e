//! Bulk jobs and their items. A job has one worker at a time, which holds its lease.

mod calls;
mod items;
mod listing;
mod progress;
mod waits;

pub use calls::{CallItem, OpenCall};
pub use items::{Item, ItemResult, Line, Settled};
pub use listing::{JobList, ResultList, cursor_after};
pub use progress::{Failure, StatusChange};
pub use waits::Wait;

use chrono::{DateTime, Utc};
use domain::{JobKind, JobStatus};
use serde_json::Value;
use service_runtime::lease::{Lease, LeaseError};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{ListFilter, Scope, Store};
use crate::error::StoreError;

/// One job as the database holds it.
#[derive(Debug, Clone, PartialEq, sqlx::FromRow)]
pub struct Job {
    /// The caller's.
    pub id: Uuid,
    /// What it does.
    #[sqlx(try_from = "String")]
    pub kind: JobKind,
    /// Where it stands.
    #[sqlx(try_from = "String")]
    pub status: JobStatus,
    /// Nothing is changed.
    pub dry_run: bool,
    /// `None`: the whole platform.
    pub organization_id: Option<Uuid>,
    /// `kind:id` of the actor.
    pub created_by: String,
    /// What is wanted.
    #[sqlx(rename = "work")]
    pub spec: Value,
    /// Known once the SIMs of a filter are counted.
    pub total: Option<i64>,
    /// Items with an outcome.
    pub done: i64,
    /// Of them, those that failed.
    pub failed: i64,
    /// Of them, those that had nothing to change.
    pub unchanged: i64,
    /// Of them, those whose outcome nobody knows.
    pub uncertain: i64,
    /// When it was asked for.
    pub created_at: DateTime<Utc>,
    /// When the work began.
    pub started_at: Option<DateTime<Utc>>,
    /// When the last item ended.
    pub finished_at: Option<DateTime<Utc>>,
    /// Why the whole job failed.
    pub error: Option<String>,
    /// Since when 1NCE cannot be used for it.
    pub waiting_since: Option<DateTime<Utc>>,
    /// Why, as `CODE: text`.
    pub waiting_reason: Option<String>,
}

impl Job {
    /// Whose SIMs it may touch.
    pub fn scope(&self) -> Scope {
        self.organization_id
            .map_or(Scope::All, |id| Scope::Organization(domain::OrganizationId(id)))
    }
}

pub(super) const COLUMNS: &str = "jobs.id, jobs.kind, jobs.status, jobs.dry_run, jobs.organization_id,
    jobs.created_by, jobs.work, jobs.total, jobs.done, jobs.failed, jobs.unchanged, jobs.uncertain,
    jobs.created_at, jobs.started_at, jobs.finished_at, jobs.error, jobs.waiting_since, jobs.waiting_reason";

/// A job to create.
#[derive(Debug)]
pub struct NewJob<'a> {
    /// The caller's.
    pub id: Uuid,
    /// What it does.
    pub kind: JobKind,
    /// Nothing is changed.
    pub dry_run: bool,
    /// Whose SIMs it may touch.
    pub scope: Scope,
    /// `kind:id` of the actor.
    pub created_by: &'a str,
    /// What is wanted.
    pub spec: Value,
    /// The request's bytes, to know the same one again.
    pub request: &'a [u8],
    /// The named SIMs; `None` when a filter or an import tells them.
    pub named: Option<Vec<i64>>,
}

impl Store {
    /// Stores a job with its named SIMs, or returns the one that the same request has made; `None` when another request
    /// has used the id.
    ///
    /// # Errors
    /// The database's.
    pub async fn create_job(&self, job: &NewJob<'_>) -> Result<Option<Job>, StoreError> {
        let status = match job.kind {
            JobKind::Import => JobStatus::Uploading,
            _ => JobStatus::Queued,
        };
        let total = job.named.as_ref().map(|named| named.len() as i64);
        let mut transaction = self.db.pool().begin().await?;
        let made = sqlx::query(
            "INSERT INTO jobs (id, kind, status, dry_run, organization_id, created_by, work, digest, total)
             VALUES ($1, $2, $3, $4, $5, $6, $7, sha256($8), $9) ON CONFLICT (id) DO NOTHING",
        )
        .bind(job.id)
        .bind(job.kind.word())
        .bind(status.word())
        .bind(job.dry_run)
        .bind(job.scope.filter())
        .bind(job.created_by)
        .bind(&job.spec)
        .bind(job.request)
        .bind(total)
        .execute(&mut *transaction)
        .await?;
        if made.rows_affected() == 0 {
            return self.same_job(job).await;
        }
        if let Some(named) = &job.named {
            sqlx::query(
                "INSERT INTO job_items (job_id, seq, iccid)
                 SELECT $1, place, iccid FROM unnest($2::bigint[]) WITH ORDINALITY AS named (iccid, place)",
            )
            .bind(job.id)
            .bind(named)
            .execute(&mut *transaction)
            .await?;
        }
        let stored = read_job(&mut transaction, job.id).await?;
        transaction.commit().await?;
        Ok(Some(stored))
    }

    /// The job of this id, if the same request has made it.
    async fn same_job(&self, job: &NewJob<'_>) -> Result<Option<Job>, StoreError> {
        let same: Option<bool> = sqlx::query_scalar(
            "SELECT digest = sha256($2) AND organization_id IS NOT DISTINCT FROM $3 FROM jobs WHERE id = $1",
        )
        .bind(job.id)
        .bind(job.request)
        .bind(job.scope.filter())
        .fetch_optional(self.db.pool())
        .await?;
        match same {
            Some(true) => self.job(job.scope, job.id).await,
            _ => Ok(None),
        }
    }

    /// One job; `None` when the scope holds none.
    ///
    /// # Errors
    /// The database's.
    pub async fn job(&self, scope: Scope, id: Uuid) -> Result<Option<Job>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM jobs WHERE id = $1 AND ($2::uuid IS NULL OR organization_id = $2)"
        );
        Ok(sqlx::query_as(sqlx::AssertSqlSafe(sql))
            .bind(id)
            .bind(scope.filter())
            .fetch_optional(self.db.pool())
            .await?)
    }

    /// The same, locked until the caller's transaction ends.
    ///
    /// # Errors
    /// The database's.
    pub async fn lock_job(
        transaction: &mut PgConnection,
        scope: Scope,
        id: Uuid,
    ) -> Result<Option<Job>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM jobs
             WHERE id = $1 AND ($2::uuid IS NULL OR organization_id = $2) FOR UPDATE"
        );
        Ok(sqlx::query_as(sqlx::AssertSqlSafe(sql))
            .bind(id)
            .bind(scope.filter())
            .fetch_optional(transaction)
            .await?)
    }

    /// Sets the status of a locked job, which is then worked on at once.
    ///
    /// # Errors
    /// The database's.
    pub async fn set_job_status(
        transaction: &mut PgConnection,
        id: Uuid,
        status: JobStatus,
    ) -> Result<Job, StoreError> {
        sqlx::query("UPDATE jobs SET status = $2, waiting_until = NULL WHERE id = $1")
            .bind(id)
            .bind(status.word())
            .execute(&mut *transaction)
            .await?;
        read_job(transaction, id).await
    }
}

pub(super) async fn read_job(connection: &mut PgConnection, id: Uuid) -> Result<Job, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM jobs WHERE id = $1");
    Ok(sqlx::query_as(sqlx::AssertSqlSafe(sql))
        .bind(id)
        .fetch_one(connection)
        .await?)
}

/// A transaction of the job's worker: only while it holds the lease.
///
/// # Errors
/// [`LeaseError::Lost`], the database's.
pub async fn begin_under(
    store: &Store,
    lease: &Lease,
) -> Result<sqlx::Transaction<'static, sqlx::Postgres>, StoreError> {
    let mut transaction = store.db.pool().begin().await?;
    lease
        .check(&mut transaction)
        .await
        .map_err(|error: LeaseError| StoreError::from(error))?;
    Ok(transaction)
}
