use chrono::{DateTime, Utc};
use domain::{ApiGeneration, GenerationState};
use metrics::Gauge;
use once_client::Generation;
use service_runtime::metrics::Metrics;

use super::ending;
use super::report::{Known, state_of, word_of};

/// Where a capability is had from when nobody offers it.
const NOBODY: &str = "none";

/// What one account's API offers.
pub(super) struct ProviderMetrics {
    metrics: Metrics,
    account: String,
    days_left: Gauge,
}

impl ProviderMetrics {
    pub fn new(metrics: &Metrics, account: &str) -> Self {
        Self {
            metrics: metrics.clone(),
            account: account.to_owned(),
            days_left: metrics.gauge("simward_provider_v1_days_left", &[("account", account)]),
        }
    }

    /// 1 for what holds, 0 for what does not.
    pub fn show(&self, known: &Known, now: DateTime<Utc>) {
        self.days_left.set(f64::from(ending::days_left(now)));
        let needs = !known.through_v1().is_empty();
        self.set("simward_provider_v1_needed", &[], needs);
        for (capability, readiness) in &known.readiness.capabilities {
            let Some(word) = word_of(*capability) else {
                continue;
            };
            let current = readiness.generation.map_or(NOBODY, Generation::word);
            for generation in [ApiGeneration::V1.word(), ApiGeneration::V2.word(), NOBODY] {
                let labels = [("capability", word.word()), ("generation", generation)];
                self.set("simward_provider_capability", &labels, generation == current);
            }
        }
        for generation in [Generation::V1, Generation::V2] {
            let current = state_of(known.readiness.standing(generation));
            for state in GenerationState::ALL {
                let labels = [("generation", generation.word()), ("state", state.word())];
                self.set("simward_provider_generation", &labels, state == current);
            }
        }
    }

    fn set(&self, name: &'static str, labels: &[(&'static str, &str)], holds: bool) {
        let labels = [&[("account", self.account.as_str())], labels].concat();
        self.metrics.gauge(name, &labels).set(f64::from(u8::from(holds)));
    }
}
