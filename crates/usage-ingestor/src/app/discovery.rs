//! SIMs that sent records and that no inventory knows: sim-service is asked to look for them.

use std::time::Duration;

use domain::Iccid;
use messages::pb::sim::DiscoverRequest;
use messages::sim_rpc;
use metrics::Gauge;
use service_runtime::shutdown::Shutdown;

use super::App;
use super::inventory::{InventoryError, word};
use crate::store::Word;

/// Between two rounds.
const PERIOD: Duration = Duration::from_secs(15);
/// SIMs of one question.
const AT_ONCE: i64 = 1_000;
/// How long the question may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Asks in rounds until the end. Every replica does; a SIM that one has taken is not taken by another.
pub async fn run(app: App, shutdown: Shutdown) {
    let gauge = app.metrics.gauge("simward_usage_sims_unknown", &[]);
    while !shutdown.has_started() {
        if let Some(Err(error)) = shutdown.or(round(&app, &gauge)).await {
            tracing::warn!(%error, "unknown SIMs are asked for again later");
        }
        shutdown.sleep(PERIOD).await;
    }
}

async fn round(app: &App, gauge: &Gauge) -> Result<(), InventoryError> {
    let asked = app.ask_for_unknown().await;
    gauge.set(app.store.count_unknown().await? as f64);
    asked
}

impl App {
    /// Asks for the unknown SIMs that are due; what is known is taken over at once, what is found comes as an event.
    async fn ask_for_unknown(&self) -> Result<(), InventoryError> {
        let due = self.store.take_unknown(AT_ONCE).await?;
        if due.is_empty() {
            return Ok(());
        }
        let outcome = self.ask_for(&due).await;
        if outcome.is_err() {
            self.store.give_back_unknown(&due).await?;
        }
        outcome
    }

    async fn ask_for(&self, due: &[i64]) -> Result<(), InventoryError> {
        // What is no ICCID cannot be stored, so none is left out.
        let iccids = due.iter().filter_map(|iccid| Iccid::from_i64(*iccid).ok());
        let request = DiscoverRequest {
            iccids: iccids.map(|iccid| iccid.to_string()).collect(),
        };
        let answer = self
            .bus
            .call::<sim_rpc::Discover>(&request, PATIENCE, "discovery")
            .await?;
        let words: Result<Vec<Word>, String> = answer.known.into_iter().map(word).collect();
        self.learn(words.map_err(InventoryError::Unreadable)?).await?;
        Ok(())
    }
}
