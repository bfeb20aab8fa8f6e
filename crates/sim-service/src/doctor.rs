//! What `simward doctor` asks, beside a running service or without one.

use chrono::Utc;
use messages::pb::sim as pb;
use once_client::OnceClient;
use service_runtime::db::Db;

use crate::app::provider::{self, Known};
use crate::app::sweep_doubts;
use crate::error::StoreError;
use crate::store::Store;

pub use crate::app::provider::{NEW_CREDENTIALS, V1_ENDS_ON};

/// What is known of the account's API, and what the end of v1 changes. Asks 1NCE for what is not known yet or too old.
pub async fn readiness(client: &OnceClient) -> pb::AccountReadiness {
    Known::of(client).await.report(Utc::now())
}

/// When v1 ends, for people: `2026-12-31 (in 12 days)`.
pub fn v1_end() -> String {
    provider::end(Utc::now())
}

/// A sentence for each doubt that the last sweeps leave; `db` is a connection to the schema of the service.
///
/// # Errors
/// The database's.
pub async fn doubts_of_sweeps(db: &Db) -> Result<Vec<String>, StoreError> {
    let ends = Store::new(db.clone()).run_ends().await?;
    Ok(sweep_doubts(&ends))
}

/// Whether a search finds other than ASCII letters whatever their case.
///
/// # Errors
/// The database's.
pub async fn search_folds_case(db: &Db) -> Result<bool, StoreError> {
    Store::new(db.clone()).folds_case().await
}
