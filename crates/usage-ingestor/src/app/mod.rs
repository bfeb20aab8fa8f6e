//! Use cases, one file each.

pub mod api_readings;
mod day_range;
pub mod decode;
pub mod differences;
pub mod discovery;
pub mod event_types;
pub mod export_usage;
pub mod fleet_now;
pub mod ingest_status;
pub mod inventory;
pub mod merge;
pub mod merge_metrics;
pub mod pause;
pub mod receive;
pub mod rejects;
pub mod silence;
pub mod sim_events;
pub mod sim_usage;
pub mod top_usage;
pub mod usage_summary;

use std::sync::Arc;

use messages::Subjects;
use once_client::OnceClient;
use service_runtime::Runtime;
use service_runtime::bus::Bus;
use service_runtime::metrics::Metrics;
use service_runtime::outbox::Outbox;

use crate::config::IngestorConfig;
use crate::store::Store;

/// What the use cases stand on.
#[derive(Clone)]
pub struct App {
    pub config: Arc<IngestorConfig>,
    pub store: Store,
    pub bus: Bus,
    pub client: OnceClient,
    pub outbox: Outbox,
    pub subjects: Subjects,
    pub metrics: Metrics,
    pub merges: merge_metrics::MergeMetrics,
    pub readings: pause::Readings,
    pub top: top_usage::TopAnswers,
}

impl App {
    /// Over a started runtime; also starts to publish what waits in the outbox.
    pub fn new(config: IngestorConfig, client: OnceClient, runtime: &Runtime) -> Self {
        let shared = &runtime.shared;
        Self {
            config: Arc::new(config),
            store: Store::new(runtime.db.clone()),
            bus: shared.bus.clone(),
            client,
            outbox: Outbox::start(&runtime.db, &shared.bus, &shared.metrics, &shared.shutdown),
            subjects: shared.bus.subjects().clone(),
            metrics: shared.metrics.clone(),
            merges: merge_metrics::MergeMetrics::new(&shared.metrics),
            readings: pause::Readings::default(),
            top: top_usage::TopAnswers::default(),
        }
    }
}
