//! How a job comes along: taking it up, its SIMs, its end.

use domain::{JobKind, JobStatus, UnknownWord};
use service_runtime::lease::Lease;
use sqlx::{PgConnection, QueryBuilder};
use uuid::Uuid;

use super::{Job, ListFilter, Scope, Store, begin_under, read_job};
use crate::error::StoreError;
use crate::store::SimList;

/// Jobs that somebody has to work on: also a paused one of which a call is not settled yet. One that waits for 1NCE has its
/// time.
const OPEN: &str = "finished_at IS NULL AND (status IN ('queued', 'running', 'cancelled', 'failed')
    OR status = 'paused' AND EXISTS (
        SELECT FROM job_items WHERE job_id = jobs.id AND outcome = 'calling'))
    AND (waiting_until IS NULL OR waiting_until <= clock_timestamp())
    AND NOT EXISTS (SELECT FROM leases WHERE name = 'job ' || jobs.id AND expires_at > now())";

impl Store {
    /// Jobs that nobody works on, those that wait longest first.
    ///
    /// # Errors
    /// The database's.
    pub async fn open_jobs(&self, most: i64) -> Result<Vec<Uuid>, StoreError> {
        let sql =
            format!("SELECT id FROM jobs WHERE {OPEN} ORDER BY worked_at NULLS FIRST, created_at LIMIT $1");
        Ok(sqlx::query_scalar(sqlx::AssertSqlSafe(sql))
            .bind(most)
            .fetch_all(self.db.pool())
            .await?)
    }

    /// Cancels uploads of which no line came for an hour.
    ///
    /// # Errors
    /// The database's.
    pub async fn cancel_abandoned_uploads(&self) -> Result<u64, StoreError> {
        let cancelled = sqlx::query(
            "UPDATE jobs SET status = 'cancelled', error = 'the upload was abandoned'
             WHERE status = 'uploading' AND uploaded_at < clock_timestamp() - interval '1 hour'",
        )
        .execute(self.db.pool())
        .await?;
        Ok(cancelled.rows_affected())
    }

    /// The job as its worker takes it up; `None` when another process has ended it meanwhile.
    ///
    /// # Errors
    /// The database's.
    pub async fn take_up_job(&self, lease: &Lease, id: Uuid) -> Result<Option<Job>, StoreError> {
        let mut transaction = begin_under(self, lease).await?;
        let open = sqlx::query("UPDATE jobs SET worked_at = now() WHERE id = $1 AND finished_at IS NULL")
            .bind(id)
            .execute(&mut *transaction)
            .await?;
        if open.rows_affected() == 0 {
            return Ok(None);
        }
        let job = read_job(&mut transaction, id).await?;
        transaction.commit().await?;
        Ok(Some(job))
    }

    /// The status of a job now.
    ///
    /// # Errors
    /// The database's.
    pub async fn job_status(&self, id: Uuid) -> Result<JobStatus, StoreError> {
        let word: String = sqlx::query_scalar("SELECT status FROM jobs WHERE id = $1")
            .bind(id)
            .fetch_one(self.db.pool())
            .await?;
        let status = word.parse();
        status.map_err(|unknown: UnknownWord| sqlx::Error::Decode(unknown.into()).into())
    }

    /// Begins a queued job: the SIMs of its filter become its items. Does nothing to a job of another status.
    ///
    /// # Errors
    /// [`StoreError::Lease`], the database's.
    pub async fn begin_job(
        &self,
        lease: &Lease,
        job: &Job,
        filter: Option<ListFilter>,
    ) -> Result<(), StoreError> {
        // The lease is proven at the end: until then it must stay free to be kept.
        let mut transaction = self.db.pool().begin().await?;
        // A million SIMs take longer than a request may.
        sqlx::query("SET LOCAL statement_timeout = 0")
            .execute(&mut *transaction)
            .await?;
        let begun = sqlx::query(
            "UPDATE jobs SET status = 'running', started_at = clock_timestamp()
             WHERE id = $1 AND status = 'queued'",
        )
        .bind(job.id)
        .execute(&mut *transaction)
        .await?;
        if begun.rows_affected() == 1
            && let Some(filter) = filter
        {
            let total = insert_matching(&mut transaction, job.id, job.scope(), filter).await?;
            sqlx::query("UPDATE jobs SET total = $2 WHERE id = $1")
                .bind(job.id)
                .bind(total)
                .execute(&mut *transaction)
                .await?;
        }
        lease.check(&mut transaction).await?;
        Ok(transaction.commit().await?)
    }

    /// Lets a job fail in the caller's transaction: nothing more begins, and what is pending fails with the reason. It
    /// has no `finished_at` until its open calls are settled. Does nothing when its status is another one by now.
    ///
    /// # Errors
    /// The database's.
    pub async fn fail_job(
        transaction: &mut PgConnection,
        id: Uuid,
        from: JobStatus,
        failure: &Failure<'_>,
    ) -> Result<(), StoreError> {
        sqlx::query("SET LOCAL statement_timeout = 0")
            .execute(&mut *transaction)
            .await?;
        let failed = sqlx::query(
            "UPDATE jobs SET status = 'failed', error = $3, waiting_since = NULL, waiting_reason = NULL,
                 waiting_until = NULL
             WHERE id = $1 AND status = $2 AND finished_at IS NULL",
        )
        .bind(id)
        .bind(from.word())
        .bind(format!("{}: {}", failure.code, failure.reason))
        .execute(&mut *transaction)
        .await?;
        if failed.rows_affected() == 0 {
            return Ok(());
        }
        sqlx::query(
            "UPDATE job_items SET outcome = 'failed', code = $2, message = $3, finished_at = clock_timestamp(),
                 retry_at = NULL
             WHERE job_id = $1 AND outcome = 'pending'",
        )
        .bind(id)
        .bind(failure.code)
        .bind(failure.reason)
        .execute(&mut *transaction)
        .await?;
        count_outcomes(transaction, id).await
    }

    /// Ends a job in the caller's transaction, which proves the lease at its end: what is still pending is cancelled, and
    /// the counters are counted anew. `None` when its status is another one by now, or a call of it is open.
    ///
    /// # Errors
    /// The database's.
    pub async fn finish_job(
        transaction: &mut PgConnection,
        id: Uuid,
        change: StatusChange,
    ) -> Result<Option<Job>, StoreError> {
        sqlx::query("SET LOCAL statement_timeout = 0")
            .execute(&mut *transaction)
            .await?;
        let ended = sqlx::query(
            "UPDATE jobs SET status = $3, finished_at = clock_timestamp(), waiting_since = NULL,
                 waiting_reason = NULL, waiting_until = NULL
             WHERE id = $1 AND status = $2 AND finished_at IS NULL
               AND NOT EXISTS (SELECT FROM job_items WHERE job_id = $1 AND outcome = 'calling')",
        )
        .bind(id)
        .bind(change.from.word())
        .bind(change.to.word())
        .execute(&mut *transaction)
        .await?;
        if ended.rows_affected() == 0 {
            return Ok(None);
        }
        sqlx::query(
            "UPDATE job_items SET outcome = 'cancelled', finished_at = clock_timestamp(), retry_at = NULL
             WHERE job_id = $1 AND outcome = 'pending'",
        )
        .bind(id)
        .execute(&mut *transaction)
        .await?;
        count_outcomes(transaction, id).await?;
        sqlx::query(
            "UPDATE jobs SET total = done, status = CASE WHEN all_failed THEN 'failed' ELSE status END,
                 error = CASE WHEN all_failed THEN first.code || ': every SIM failed, the first one: '
                     || coalesce(first.message, '') ELSE error END
             FROM (SELECT done > 0 AND failed = done AND status = 'completed' AS all_failed FROM jobs WHERE id = $1)
                 AS counted
             LEFT JOIN LATERAL (SELECT code, message FROM job_items WHERE job_id = $1 AND outcome = 'failed'
                                ORDER BY seq LIMIT 1) AS first ON true
             WHERE id = $1",
        )
        .bind(id)
        .execute(&mut *transaction)
        .await?;
        Ok(Some(read_job(transaction, id).await?))
    }

    /// Unfinished jobs of each status, and items without an outcome of each kind.
    ///
    /// # Errors
    /// The database's.
    pub async fn count_jobs(&self) -> Result<Vec<JobCount>, StoreError> {
        Ok(sqlx::query_as(
            "SELECT kind, status, count(*) AS jobs, coalesce(sum(total - done), 0)::bigint AS items_waiting,
                 count(waiting_since) AS waiting, coalesce(sum(calls), 0)::bigint AS open_calls,
                 coalesce(max(extract(epoch FROM clock_timestamp() - oldest)), 0)::float8 AS oldest_call_seconds
             FROM jobs LEFT JOIN LATERAL (
                 SELECT count(DISTINCT call_id) AS calls, min(called_at) AS oldest
                 FROM job_items JOIN job_calls ON job_calls.id = call_id
                 WHERE job_items.job_id = jobs.id AND outcome = 'calling') AS open ON true
             WHERE finished_at IS NULL GROUP BY kind, status",
        )
        .fetch_all(self.db.pool())
        .await?)
    }
}

/// A job's status and the next one.
#[derive(Debug, Clone, Copy)]
pub struct StatusChange {
    /// It must have this one.
    pub from: JobStatus,
    /// The next one.
    pub to: JobStatus,
}

/// Unfinished jobs of one kind and status.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct JobCount {
    /// The kind.
    #[sqlx(try_from = "String")]
    pub kind: JobKind,
    /// The status.
    #[sqlx(try_from = "String")]
    pub status: JobStatus,
    /// How many.
    pub jobs: i64,
    /// Their items without an outcome.
    pub items_waiting: i64,
    /// Of them, those that wait until 1NCE can be used again.
    pub waiting: i64,
    /// Their calls of which nobody knows the outcome yet.
    pub open_calls: i64,
    /// The age of the oldest of those.
    pub oldest_call_seconds: f64,
}

/// Why a job as a whole fails.
#[derive(Debug, Clone, Copy)]
pub struct Failure<'a> {
    /// A word of the closed list.
    pub code: &'a str,
    /// For people.
    pub reason: &'a str,
}

async fn count_outcomes(transaction: &mut PgConnection, id: Uuid) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE jobs SET done = counted.done, failed = counted.failed, unchanged = counted.unchanged,
             uncertain = counted.uncertain
         FROM (SELECT count(*) FILTER (WHERE outcome NOT IN ('pending', 'calling')) AS done,
                   count(*) FILTER (WHERE outcome = 'failed') AS failed,
                   count(*) FILTER (WHERE outcome = 'unchanged') AS unchanged,
                   count(*) FILTER (WHERE outcome = 'uncertain') AS uncertain
               FROM job_items WHERE job_id = $1) AS counted
         WHERE id = $1",
    )
    .bind(id)
    .execute(transaction)
    .await?;
    Ok(())
}

async fn insert_matching(
    transaction: &mut PgConnection,
    id: Uuid,
    scope: Scope,
    filter: ListFilter,
) -> Result<i64, StoreError> {
    let mut query = QueryBuilder::new("INSERT INTO job_items (job_id, seq, iccid) SELECT ");
    query
        .push_bind(id)
        .push(", row_number() OVER (ORDER BY iccid), iccid FROM ");
    SimList::push_matching(&mut query, scope, filter);
    let inserted = query.build().persistent(false).execute(transaction).await?;
    Ok(inserted.rows_affected().cast_signed())
}
