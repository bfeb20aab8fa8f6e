//! The schema `usage`. What comes out are domain types; rows stay here.

pub mod api_readings;
pub mod arrivals;
pub mod copy;
mod day_range;
pub mod differences;
mod discovery;
pub mod event_records;
pub mod export_usage;
pub mod fleet_usage;
pub mod ingest_status;
pub mod inventory;
pub mod members;
pub mod presence;
pub mod rejects;
mod retention;
pub mod shadow_readings;
pub mod sim_events;
pub mod sim_usage;
pub mod stream_state;
pub mod top_usage;
mod unread;
pub mod usage_days;
pub mod usage_records;
pub mod usage_summary;

pub use inventory::Word;
pub use rejects::StoredReject;

pub use domain::Scope;
use service_runtime::db::Db;

pub use day_range::DayRange;

/// The usage schema of one process.
#[derive(Debug, Clone)]
pub struct Store {
    db: Db,
}

impl Store {
    /// Over a pool of the schema `usage`.
    pub fn new(db: Db) -> Self {
        Self { db }
    }

    /// The pool.
    pub fn db(&self) -> &Db {
        &self.db
    }
}
