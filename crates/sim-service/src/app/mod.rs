//! The use cases of sim-service, one file each.

mod announce;
mod change_request;
mod discover;
mod fleet_counts;
pub mod fleet_metrics;
mod get_sim;
mod inventory;
pub mod jobs;
mod list_generation;
mod list_sims;
pub mod provider;
mod provider_readiness;
mod refresh;
pub mod sweep;
mod sweep_doubts;
mod sync;
mod update_sim;
mod write_alone;

pub use discover::Wanted;
pub use refresh::Refreshes;
pub use sweep_doubts::sweep_doubts;
pub use sync::AccountStatus;

use std::sync::Arc;

use domain::AccountSlug;
use messages::Subjects;
use once_client::OnceClient;
use service_runtime::outbox::Outbox;
use service_runtime::shutdown::Shutdown;
use tokio::sync::Notify;

use crate::config::{JobsConfig, SweepConfig};
use crate::error::AppError;
use crate::store::{PageError, Store};

/// What every use case stands on.
#[derive(Clone)]
pub struct App {
    /// The schema.
    pub store: Store,
    /// One client per 1NCE account.
    pub clients: Arc<Vec<OnceClient>>,
    /// Tells the relay about new events.
    pub outbox: Outbox,
    /// The names of events.
    pub subjects: Subjects,
    /// The pace of the sweep.
    pub sweep: Arc<SweepConfig>,
    /// The pace of bulk jobs.
    pub jobs: Arc<JobsConfig>,
    /// Who reads which SIM at 1NCE for a person.
    pub refreshes: Refreshes,
    /// Wakes the job runner.
    pub wake_jobs: Arc<Notify>,
    /// Wakes the sweep's runners.
    pub wake: Arc<Notify>,
    /// What was seen of 1NCE's API last.
    pub provider: provider::Watch,
    /// SIMs that are looked for.
    pub wanted: Wanted,
    /// The end, which waits for what was begun.
    pub shutdown: Shutdown,
}

impl App {
    /// The client of an account; `None` when the account is not configured any more.
    pub fn client(&self, account: &AccountSlug) -> Option<&OnceClient> {
        self.clients.iter().find(|client| client.account() == account)
    }
}

impl From<PageError> for AppError {
    fn from(error: PageError) -> Self {
        match error {
            PageError::Refused { field, reason } => Self::field(field, &reason),
            PageError::Store(error) => Self::Store(error),
        }
    }
}
