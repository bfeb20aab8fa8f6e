//! Leases with fences: one process at a time works on a named thing, and one that was replaced cannot write any more.

use std::time::Duration;

use sqlx::PgConnection;
use uuid::Uuid;

use crate::db::Db;

/// The table that every schema with leases has; goes into the service's first migration.
pub const TABLE_SQL: &str = "CREATE TABLE leases (
    name text PRIMARY KEY,
    owner uuid NOT NULL,
    fence bigint NOT NULL,
    expires_at timestamptz NOT NULL
)";

/// A held lease. Every write under it calls [`Lease::check`] in its own transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    name: String,
    owner: Uuid,
    fence: i64,
    time: Duration,
}

/// The lease belongs to another process now; what was planned under it must not be written.
#[derive(Debug, thiserror::Error)]
pub enum LeaseError {
    /// Another process took it over.
    #[error("the lease `{0}` was lost")]
    Lost(String),
    /// The database failed.
    #[error("lease: {0}")]
    Database(#[from] sqlx::Error),
}

impl Lease {
    /// Takes the lease when nobody else holds it; `None` while somebody does. Times are the database's.
    ///
    /// # Errors
    /// The database's.
    pub async fn acquire(
        db: &Db,
        name: &str,
        owner: Uuid,
        time: Duration,
    ) -> Result<Option<Self>, sqlx::Error> {
        let fence: Option<i64> = sqlx::query_scalar(
            "INSERT INTO leases AS held (name, owner, fence, expires_at)
             VALUES ($1, $2, 1, now() + make_interval(secs => $3))
             ON CONFLICT (name) DO UPDATE
             SET owner = excluded.owner, fence = held.fence + 1, expires_at = excluded.expires_at
             WHERE held.expires_at < now() OR held.owner = excluded.owner
             RETURNING fence",
        )
        .bind(name)
        .bind(owner)
        .bind(time.as_secs_f64())
        .fetch_optional(db.pool())
        .await?;
        Ok(fence.map(|fence| Self {
            name: name.to_owned(),
            owner,
            fence,
            time,
        }))
    }

    /// Proves in the caller's transaction that the lease is still held, keeps it for its full time again, and keeps
    /// others from taking it until the transaction ends.
    ///
    /// # Errors
    /// [`LeaseError::Lost`] when another process took it over.
    pub async fn check(&self, transaction: &mut PgConnection) -> Result<(), LeaseError> {
        let kept = sqlx::query(
            "UPDATE leases SET expires_at = now() + make_interval(secs => $4)
             WHERE name = $1 AND owner = $2 AND fence = $3",
        )
        .bind(&self.name)
        .bind(self.owner)
        .bind(self.fence)
        .bind(self.time.as_secs_f64())
        .execute(transaction)
        .await?;
        if kept.rows_affected() == 1 {
            Ok(())
        } else {
            Err(LeaseError::Lost(self.name.clone()))
        }
    }

    /// Gives it back, so that the next one need not wait for its end.
    ///
    /// # Errors
    /// The database's.
    pub async fn release(&self, db: &Db) -> Result<(), sqlx::Error> {
        sqlx::query(
            "UPDATE leases SET expires_at = '-infinity' WHERE name = $1 AND owner = $2 AND fence = $3",
        )
        .bind(&self.name)
        .bind(self.owner)
        .bind(self.fence)
        .execute(db.pool())
        .await
        .map(|_| ())
    }
}
