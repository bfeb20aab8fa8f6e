//! The schema `usage`. What comes out are domain types; rows stay here.

mod api_readings;
pub mod arrivals;
pub mod copy;
mod differences;
mod discovery;
pub mod event_records;
mod export_usage;
pub mod fleet_usage;
mod ingest_status;
pub mod inventory;
pub mod members;
pub mod rejects;
mod retention;
mod sim_events;
mod sim_usage;
mod stream_state;
mod top_usage;
pub mod usage_days;
pub mod usage_records;
mod usage_summary;

pub use inventory::Word;
pub use rejects::StoredReject;

use domain::OrganizationId;
use service_runtime::db::Db;

/// Whose data a query may touch; every query of tenant data takes one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Every organization, and SIMs that no inventory knows: a platform administrator, or the service itself.
    All,
    /// One organization.
    Organization(OrganizationId),
}

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
