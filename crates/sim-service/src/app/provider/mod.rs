//! What 1NCE's API offers each account, through which generation, and what the end of v1 changes.

mod capability;
mod ending;
mod login;
mod metrics;
mod report;
mod tasks;
mod watch;

pub use ending::{V1_ENDS_ON, end};
pub use login::{NEW_CREDENTIALS, failing};
pub use report::Known;
pub use watch::{Watch, run};

use messages::pb::sim as pb;

use super::App;

impl App {
    /// What is known of every account's API. Asks 1NCE for what is not known yet or too old.
    pub async fn provider_readiness(&self) -> Vec<pb::AccountReadiness> {
        let known = futures_util::future::join_all(self.clients.iter().map(Known::of)).await;
        let now = self.provider.now();
        known.iter().map(|known| known.report(now)).collect()
    }
}
