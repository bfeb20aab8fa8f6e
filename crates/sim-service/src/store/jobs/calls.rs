//! Calls that cost money: written down before they are made.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::Store;
use crate::error::StoreError;

/// A call whose outcome is not known yet.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct OpenCall {
    /// Its id.
    pub id: Uuid,
    /// The account that was asked.
    pub account: String,
    /// When it was written down.
    pub called_at: DateTime<Utc>,
    /// The newest order before it.
    pub order_before: Option<i64>,
}

/// A SIM of a call.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct CallItem {
    /// The item's place in its job.
    pub seq: i64,
    /// The card's number.
    pub iccid: i64,
    /// How often it was looked at in vain.
    pub attempts: i32,
    /// It waits to be settled.
    pub is_open: bool,
}

impl CallItem {
    /// Readings that showed nothing of it.
    pub fn looks(&self) -> u32 {
        u32::try_from(self.attempts).unwrap_or(0)
    }
}

impl Store {
    /// Writes down that these pending items are about to be called; returns those that are.
    ///
    /// # Errors
    /// The database's.
    pub async fn intend_call(
        transaction: &mut PgConnection,
        job: Uuid,
        call: &OpenCall,
        seqs: &[i64],
    ) -> Result<Vec<i64>, StoreError> {
        sqlx::query("INSERT INTO job_calls (id, job_id, account, called_at, order_before) VALUES ($1, $2, $3, $4, $5)")
            .bind(call.id)
            .bind(job)
            .bind(&call.account)
            .bind(call.called_at)
            .bind(call.order_before)
            .execute(&mut *transaction)
            .await?;
        Ok(sqlx::query_scalar(
            "UPDATE job_items SET outcome = 'calling', call_id = $3, attempts = 0, retry_at = NULL
             WHERE job_id = $1 AND seq = ANY($2) AND outcome = 'pending' RETURNING seq",
        )
        .bind(job)
        .bind(seqs)
        .bind(call.id)
        .fetch_all(transaction)
        .await?)
    }

    /// Notes that a call certainly did nothing: its items wait again.
    ///
    /// # Errors
    /// The database's.
    pub async fn take_back_call(transaction: &mut PgConnection, call: Uuid) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE job_items SET outcome = 'pending', call_id = NULL
             WHERE call_id = $1 AND outcome = 'calling'",
        )
        .bind(call)
        .execute(transaction)
        .await?;
        Ok(())
    }

    /// Notes that nobody knows what a call did: it is looked at from now on, never made again.
    ///
    /// # Errors
    /// The database's.
    pub async fn doubt_call(
        transaction: &mut PgConnection,
        call: Uuid,
        seconds: f64,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE job_items SET attempts = 0, retry_at = clock_timestamp() + make_interval(secs => $2)
             WHERE call_id = $1 AND outcome = 'calling'",
        )
        .bind(call)
        .bind(seconds)
        .execute(transaction)
        .await?;
        Ok(())
    }

    /// Notes that 1NCE accepted a call, and the order that it made of it when it told one. `false`, and nothing noted,
    /// when the order is another call's already.
    ///
    /// # Errors
    /// The database's.
    pub async fn accept_call(
        transaction: &mut PgConnection,
        call: Uuid,
        order: Option<i64>,
    ) -> Result<bool, StoreError> {
        // One at a time, so that no two calls take the same order.
        sqlx::query("SELECT pg_advisory_xact_lock(hashtext('sim.job_calls.order_number'))")
            .execute(&mut *transaction)
            .await?;
        let noted = sqlx::query(
            "UPDATE job_calls SET order_number = $2, accepted_at = clock_timestamp() WHERE id = $1 AND NOT EXISTS (
                 SELECT FROM job_calls AS other WHERE other.order_number = $2 AND other.id <> $1
                     AND other.account = job_calls.account)",
        )
        .bind(call)
        .bind(order)
        .execute(transaction)
        .await?;
        Ok(noted.rows_affected() == 1)
    }

    /// How many calls of the account were accepted for exactly these SIMs, their order not told, an hour before this call
    /// or later: as many of the orders that 1NCE lists are theirs. `iccids` are sorted.
    ///
    /// # Errors
    /// The database's.
    pub async fn unnumbered_calls(&self, call: &OpenCall, iccids: &[i64]) -> Result<i64, StoreError> {
        Ok(sqlx::query_scalar(
            "SELECT count(*) FROM job_calls AS other
             WHERE account = $1 AND id <> $2 AND accepted_at IS NOT NULL AND order_number IS NULL
               AND called_at > $3 - interval '1 hour'
               AND $4 = (SELECT array_agg(iccid ORDER BY iccid) FROM job_items WHERE call_id = other.id)",
        )
        .bind(&call.account)
        .bind(call.id)
        .bind(call.called_at)
        .bind(iccids)
        .fetch_one(self.db.pool())
        .await?)
    }

    /// Calls of a job that have items to settle and due.
    ///
    /// # Errors
    /// The database's.
    pub async fn open_calls(&self, job: Uuid) -> Result<Vec<OpenCall>, StoreError> {
        Ok(sqlx::query_as(
            "SELECT DISTINCT job_calls.id, account, called_at, order_before
             FROM job_items JOIN job_calls ON job_calls.id = call_id
             WHERE job_items.job_id = $1 AND outcome = 'calling' AND (retry_at IS NULL OR retry_at <= clock_timestamp())
             ORDER BY called_at",
        )
        .bind(job)
        .fetch_all(self.db.pool())
        .await?)
    }

    /// Which of these orders are known to be made by calls of the account.
    ///
    /// # Errors
    /// The database's.
    pub async fn orders_of_calls(&self, account: &str, numbers: &[i64]) -> Result<Vec<i64>, StoreError> {
        Ok(sqlx::query_scalar(
            "SELECT order_number FROM job_calls WHERE order_number = ANY($2) AND account = $1",
        )
        .bind(account)
        .bind(numbers)
        .fetch_all(self.db.pool())
        .await?)
    }

    /// Leaves every open call of a job to a person, with the reason.
    ///
    /// # Errors
    /// The database's.
    pub async fn leave_calls(
        transaction: &mut PgConnection,
        job: Uuid,
        code: &str,
        reason: &str,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "WITH left_over AS (
                 UPDATE job_items SET outcome = 'uncertain', code = $2, finished_at = clock_timestamp(),
                     retry_at = NULL, message = '1NCE was asked at ' || to_char(called_at AT TIME ZONE 'UTC',
                         'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') || ' and what it did cannot be read: ' || $3
                 FROM job_calls WHERE job_calls.id = call_id AND job_items.job_id = $1 AND outcome = 'calling'
                 RETURNING seq)
             UPDATE jobs SET done = done + counted.calls, uncertain = uncertain + counted.calls
             FROM (SELECT count(*) AS calls FROM left_over) AS counted WHERE id = $1",
        )
        .bind(job)
        .bind(code)
        .bind(reason)
        .execute(transaction)
        .await?;
        Ok(())
    }

    /// Whether the job has items of a call without an outcome.
    ///
    /// # Errors
    /// The database's.
    pub async fn has_called_items(&self, job: Uuid) -> Result<bool, StoreError> {
        Ok(sqlx::query_scalar(
            "SELECT EXISTS (SELECT FROM job_items WHERE job_id = $1 AND outcome = 'calling')",
        )
        .bind(job)
        .fetch_one(self.db.pool())
        .await?)
    }

    /// Every item of a call.
    ///
    /// # Errors
    /// The database's.
    pub async fn call_items(&self, call: Uuid) -> Result<Vec<CallItem>, StoreError> {
        Ok(sqlx::query_as(
            "SELECT seq, iccid, attempts, outcome = 'calling' AS is_open FROM job_items
             WHERE call_id = $1 ORDER BY seq",
        )
        .bind(call)
        .fetch_all(self.db.pool())
        .await?)
    }
}
