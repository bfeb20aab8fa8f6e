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
            "UPDATE job_items SET outcome = 'calling', call_id = $3
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

    /// Notes the order that 1NCE made of a call.
    ///
    /// # Errors
    /// The database's.
    pub async fn note_order(
        transaction: &mut PgConnection,
        call: Uuid,
        number: i64,
    ) -> Result<(), StoreError> {
        sqlx::query("UPDATE job_calls SET order_number = $2 WHERE id = $1")
            .bind(call)
            .bind(number)
            .execute(transaction)
            .await?;
        Ok(())
    }

    /// Calls of a job that have items to settle and due.
    ///
    /// # Errors
    /// The database's.
    pub async fn open_calls(&self, job: Uuid) -> Result<Vec<OpenCall>, StoreError> {
        Ok(sqlx::query_as(
            "SELECT id, account, called_at, order_before FROM job_calls WHERE job_id = $1 AND EXISTS (
                 SELECT FROM job_items WHERE call_id = job_calls.id AND outcome = 'calling'
                     AND (retry_at IS NULL OR retry_at <= clock_timestamp()))
             ORDER BY called_at",
        )
        .bind(job)
        .fetch_all(self.db.pool())
        .await?)
    }

    /// Whether a call is known to have made this order.
    ///
    /// # Errors
    /// The database's.
    pub async fn is_order_of_call(&self, number: i64) -> Result<bool, StoreError> {
        Ok(
            sqlx::query_scalar("SELECT EXISTS (SELECT FROM job_calls WHERE order_number = $1)")
                .bind(number)
                .fetch_one(self.db.pool())
                .await?,
        )
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
