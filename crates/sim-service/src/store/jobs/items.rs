//! Items: lines of an import, what is open, and outcomes.

use chrono::{DateTime, Utc};
use domain::{Iccid, ItemOutcome};
use serde::Serialize;
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Job, Store, read_job};
use crate::error::StoreError;

/// A line of an import.
#[derive(Debug, Clone, Serialize)]
pub struct Line {
    /// 1-based.
    pub line: u32,
    /// The card's number; `None` when the text is none.
    pub iccid: Option<Iccid>,
    /// As it stands in the file.
    pub text: String,
    /// What is wanted.
    pub change: Value,
    /// Why it cannot be carried out.
    pub error: Option<String>,
}

/// An item without an outcome.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Item {
    /// Its place.
    pub seq: i64,
    /// The card's number; open items have one.
    pub iccid: i64,
    /// Of an import.
    pub change: Option<Value>,
    /// How often it was tried in vain.
    pub attempts: i32,
}

/// An outcome to store.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Settled {
    /// The item.
    pub seq: i64,
    /// What became of it.
    pub outcome: ItemOutcome,
    /// A word of the closed list.
    pub code: Option<&'static str>,
    /// Why.
    pub message: Option<String>,
    /// What changed.
    pub diff: Option<Value>,
}

impl Settled {
    /// Without a reason.
    pub fn new(seq: i64, outcome: ItemOutcome, diff: Option<Value>) -> Self {
        Self {
            seq,
            outcome,
            code: None,
            message: None,
            diff,
        }
    }

    /// A failure.
    pub fn failed(seq: i64, code: messages::ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code: Some(code.word()),
            message: Some(message.into()),
            ..Self::new(seq, ItemOutcome::Failed, None)
        }
    }
}

/// What became of one SIM.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct ItemResult {
    /// Its place, which cursors name.
    pub seq: i64,
    /// Of an import; otherwise 0.
    pub line: i32,
    /// The card's number.
    pub iccid: Option<i64>,
    /// As it stands in the file.
    pub text: Option<String>,
    /// What became of it.
    #[sqlx(try_from = "String")]
    pub outcome: ItemOutcome,
    /// Why it failed.
    pub code: Option<String>,
    /// Why it failed.
    pub message: Option<String>,
    /// What changed.
    pub diff: Option<Value>,
    /// When.
    pub finished_at: Option<DateTime<Utc>>,
}

const SETTLE: &str = "WITH told AS (
    SELECT * FROM jsonb_to_recordset($2) AS told (seq bigint, outcome text, code text, message text, diff jsonb)
), settled AS (
    UPDATE job_items SET outcome = told.outcome, code = told.code, message = told.message,
        diff = nullif(told.diff, 'null'), finished_at = clock_timestamp(), retry_at = NULL
    FROM told WHERE job_id = $1 AND job_items.seq = told.seq AND job_items.outcome IN ('pending', 'calling')
    RETURNING job_items.outcome
), counted AS (
    SELECT count(*) AS done, count(*) FILTER (WHERE outcome = 'failed') AS failed,
        count(*) FILTER (WHERE outcome = 'unchanged') AS unchanged,
        count(*) FILTER (WHERE outcome = 'uncertain') AS uncertain
    FROM settled
)
UPDATE jobs SET done = jobs.done + counted.done, failed = jobs.failed + counted.failed,
    unchanged = jobs.unchanged + counted.unchanged, uncertain = jobs.uncertain + counted.uncertain
FROM counted WHERE jobs.id = $1";

impl Store {
    /// Stores lines of an import once each; returns how many lines are stored now.
    ///
    /// # Errors
    /// The database's.
    pub async fn add_job_lines(
        transaction: &mut PgConnection,
        id: Uuid,
        lines: &[Line],
    ) -> Result<i64, StoreError> {
        let added = sqlx::query(
            "INSERT INTO job_items (job_id, seq, line, iccid, text, change, outcome, code, message, finished_at)
             SELECT $1, told.line, told.line, told.iccid::bigint, told.text, told.change,
                 CASE WHEN told.error IS NULL THEN 'pending' ELSE 'failed' END,
                 CASE WHEN told.error IS NOT NULL THEN 'VALIDATION_ERROR' END, told.error,
                 CASE WHEN told.error IS NOT NULL THEN clock_timestamp() END
             FROM jsonb_to_recordset($2) AS told (line integer, iccid text, text text, change jsonb, error text)
             ON CONFLICT DO NOTHING",
        )
        .bind(id)
        .bind(sqlx::types::Json(lines))
        .execute(&mut *transaction)
        .await?;
        // Counting all of them with each part would take longer and longer.
        Ok(sqlx::query_scalar(
            "UPDATE jobs SET uploaded_at = clock_timestamp(), lines = lines + $2 WHERE id = $1 RETURNING lines",
        )
        .bind(id)
        .bind(added.rows_affected().cast_signed())
        .fetch_one(transaction)
        .await?)
    }

    /// Ends the upload of that many lines: the work may begin.
    ///
    /// # Errors
    /// The database's.
    pub async fn end_upload(transaction: &mut PgConnection, id: Uuid, lines: i64) -> Result<Job, StoreError> {
        sqlx::query(
            "UPDATE job_items SET outcome = 'failed', code = 'VALIDATION_ERROR', finished_at = clock_timestamp(),
                 message = 'line ' || first || ' names the same SIM'
             FROM (SELECT seq AS place, min(line) OVER (PARTITION BY iccid) AS first FROM job_items
                   WHERE job_id = $1 AND outcome = 'pending') AS named
             WHERE job_id = $1 AND seq = place AND line > first",
        )
        .bind(id)
        .execute(&mut *transaction)
        .await?;
        sqlx::query(
            "UPDATE jobs SET status = 'queued', total = $2, done = counted.failed, failed = counted.failed
             FROM (SELECT count(*) AS failed FROM job_items WHERE job_id = $1 AND outcome = 'failed') AS counted
             WHERE id = $1",
        )
        .bind(id)
        .bind(lines)
        .execute(&mut *transaction)
        .await?;
        read_job(transaction, id).await
    }

    /// Pending items that are due, in their order.
    ///
    /// # Errors
    /// The database's.
    pub async fn due_items(&self, id: Uuid, most: i64) -> Result<Vec<Item>, StoreError> {
        Ok(sqlx::query_as(
            "SELECT seq, iccid, change, attempts FROM job_items
             WHERE job_id = $1 AND outcome = 'pending' AND (retry_at IS NULL OR retry_at <= clock_timestamp())
             ORDER BY seq LIMIT $2",
        )
        .bind(id)
        .bind(most)
        .fetch_all(self.db.pool())
        .await?)
    }

    /// Whether items without an outcome are left, due or not.
    ///
    /// # Errors
    /// The database's.
    pub async fn has_open_items(&self, id: Uuid) -> Result<bool, StoreError> {
        Ok(sqlx::query_scalar(
            "SELECT EXISTS (SELECT FROM job_items WHERE job_id = $1 AND outcome IN ('pending', 'calling'))",
        )
        .bind(id)
        .fetch_one(self.db.pool())
        .await?)
    }

    /// Stores outcomes of open items and raises the job's counters; an item that has an outcome keeps it.
    ///
    /// # Errors
    /// The database's.
    pub async fn settle_items(
        transaction: &mut PgConnection,
        id: Uuid,
        settled: &[Settled],
    ) -> Result<(), StoreError> {
        if settled.is_empty() {
            return Ok(());
        }
        sqlx::query(SETTLE)
            .bind(id)
            .bind(sqlx::types::Json(settled))
            .execute(transaction)
            .await?;
        Ok(())
    }

    /// Lets items wait for another attempt, `seconds` from now.
    ///
    /// # Errors
    /// The database's.
    pub async fn postpone_items(
        transaction: &mut PgConnection,
        id: Uuid,
        seqs: &[i64],
        seconds: f64,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE job_items SET attempts = attempts + 1,
                 retry_at = clock_timestamp() + make_interval(secs => $3)
             WHERE job_id = $1 AND seq = ANY($2) AND outcome IN ('pending', 'calling')",
        )
        .bind(id)
        .bind(seqs)
        .bind(seconds)
        .execute(transaction)
        .await?;
        Ok(())
    }

    /// How many items the job has.
    ///
    /// # Errors
    /// The database's.
    pub async fn count_items(connection: &mut PgConnection, id: Uuid) -> Result<i64, StoreError> {
        Ok(
            sqlx::query_scalar("SELECT count(*) FROM job_items WHERE job_id = $1")
                .bind(id)
                .fetch_one(connection)
                .await?,
        )
    }
}
