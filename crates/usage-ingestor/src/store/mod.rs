//! The schema `usage`. What comes out are domain types; rows stay here.

mod api_readings;
mod day_range;
pub mod differences;
pub mod export_usage;
pub mod ingest_status;
mod inventory;
pub mod sim_events;
pub mod sim_usage;
mod stream_state;
pub mod top_usage;
pub mod usage_summary;

use domain::OrganizationId;
use service_runtime::db::Db;

pub use day_range::DayRange;

/// Whose data a query may touch; every query of tenant data takes one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
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
