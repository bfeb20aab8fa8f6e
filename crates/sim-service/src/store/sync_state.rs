use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::Store;
use super::sync_runs::{self, SyncRun};
use crate::error::StoreError;

/// How the readings of one account stand, all of it as of one moment.
#[derive(Debug)]
pub struct SyncState {
    /// SIMs that 1NCE lists.
    pub listed: i64,
    /// SIMs that it does not list any more.
    pub missing: i64,
    /// The queued or running run.
    pub active: Option<SyncRun>,
    /// Pages stored per second in the last minute of the active run, since the first of them; 0 while there is one at most.
    pub pages_per_second: f64,
    /// The run that ended last.
    pub last: Option<SyncRun>,
    /// Start of the last complete reading.
    pub last_complete_at: Option<DateTime<Utc>>,
}

impl Store {
    /// Reads the state in one snapshot, so that a run which ends meanwhile is seen with all that it did or without.
    ///
    /// # Errors
    /// The database's.
    pub async fn sync_state(&self, account: &str) -> Result<SyncState, StoreError> {
        const SNAPSHOT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
        let mut snapshot = self.db.pool().begin_with(SNAPSHOT).await?;
        let (listed, missing) = Self::count_sims(&mut snapshot, account).await?;
        let active = sync_runs::active(&mut snapshot, account).await?;
        let pages_per_second = match &active {
            Some(run) => recent_pages_per_second(&mut snapshot, run.id).await?,
            None => 0.0,
        };
        let last = sync_runs::last(&mut snapshot, account).await?;
        let last_complete_at = last_complete_at(&mut snapshot, account).await?;
        snapshot.commit().await?;
        Ok(SyncState {
            listed,
            missing,
            active,
            pages_per_second,
            last,
            last_complete_at,
        })
    }
}

async fn recent_pages_per_second(connection: &mut PgConnection, id: Uuid) -> Result<f64, StoreError> {
    Ok(sqlx::query_scalar(
        "SELECT (greatest(count(*), 1) - 1)
             / greatest(1, coalesce(extract(epoch FROM clock_timestamp() - min(stored_at)), 1))::float8
         FROM sweep_pages WHERE run_id = $1 AND stored_at > clock_timestamp() - interval '60 seconds'",
    )
    .bind(id)
    .fetch_one(connection)
    .await?)
}

async fn last_complete_at(
    connection: &mut PgConnection,
    account: &str,
) -> Result<Option<DateTime<Utc>>, StoreError> {
    let found: Option<Option<DateTime<Utc>>> =
        sqlx::query_scalar("SELECT last_complete_at FROM accounts WHERE slug = $1")
            .bind(account)
            .fetch_optional(connection)
            .await?;
    Ok(found.flatten())
}
