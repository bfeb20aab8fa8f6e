//! Jobs that wait until 1NCE can be used again.

use sqlx::PgConnection;
use uuid::Uuid;

use super::Store;
use crate::error::StoreError;

/// How a job waits.
#[derive(Debug, Clone, Copy)]
pub struct Wait<'a> {
    /// `CODE: text`, for people.
    pub reason: &'a str,
    /// The shortest pause, seconds; it grows with the time that the job waits already.
    pub least: f64,
    /// The longest pause, seconds.
    pub most: f64,
}

impl Store {
    /// Lets a job wait: nobody takes it up for as long as it has waited already.
    ///
    /// # Errors
    /// The database's.
    pub async fn wait_job(
        transaction: &mut PgConnection,
        id: Uuid,
        wait: &Wait<'_>,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE jobs SET waiting_since = coalesce(waiting_since, clock_timestamp()), waiting_reason = $2,
                 waiting_until = clock_timestamp() + make_interval(secs => greatest($3, least($4,
                     coalesce(extract(epoch FROM clock_timestamp() - waiting_since), 0)::float8)))
             WHERE id = $1 AND finished_at IS NULL",
        )
        .bind(id)
        .bind(wait.reason)
        .bind(wait.least)
        .bind(wait.most)
        .execute(transaction)
        .await?;
        Ok(())
    }

    /// Notes that 1NCE can be used again.
    ///
    /// # Errors
    /// The database's.
    pub async fn end_wait(transaction: &mut PgConnection, id: Uuid) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE jobs SET waiting_since = NULL, waiting_reason = NULL, waiting_until = NULL WHERE id = $1",
        )
        .bind(id)
        .execute(transaction)
        .await?;
        Ok(())
    }
}
