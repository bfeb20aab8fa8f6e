use messages::pb::sim as pb;

use super::App;
use super::provider::Known;

impl App {
    /// What is known of every account's API. Asks 1NCE for what is not known yet or too old.
    pub async fn provider_readiness(&self) -> Vec<pb::AccountReadiness> {
        let known = futures_util::future::join_all(self.clients.iter().map(Known::of)).await;
        let now = self.provider.now();
        known.iter().map(|known| known.report(now)).collect()
    }
}
