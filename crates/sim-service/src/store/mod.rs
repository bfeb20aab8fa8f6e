//! The schema `sim`. What comes out are domain types; rows stay here.

mod accounts;
mod fleet_counts;
mod forget;
mod jobs;
mod list;
mod members;
mod page_error;
mod readings;
mod row;
mod run_ends;
mod sims;
mod sweep_pages;
mod sync_runs;
mod sync_state;

pub use accounts::{ensure_account, set_complete};
pub use fleet_counts::{FleetCounts, StateCount};
pub use jobs::*;
pub use list::{ListFilter, ListPage, SimList, SimListPage};
pub use members::Member;
pub use page_error::PageError;
pub use readings::{Reading, StoredReading};
pub use row::StoredSim;
pub use run_ends::RunEnd;
pub use sims::SimPatch;
pub use sweep_pages::Rejects;
pub use sync_runs::SyncRun;
pub use sync_state::SyncState;

use chrono::{DateTime, Utc};
pub use domain::Scope;
use service_runtime::db::Db;

/// The sim schema of one process.
#[derive(Debug, Clone)]
pub struct Store {
    db: Db,
}

impl Store {
    /// Over a pool of the schema `sim`.
    pub fn new(db: Db) -> Self {
        Self { db }
    }

    /// The pool.
    pub fn db(&self) -> &Db {
        &self.db
    }

    /// The database's clock, which all replicas share.
    ///
    /// # Errors
    /// The database's.
    pub async fn now(&self) -> Result<DateTime<Utc>, sqlx::Error> {
        sqlx::query_scalar("SELECT clock_timestamp()")
            .fetch_one(self.db.pool())
            .await
    }
}
