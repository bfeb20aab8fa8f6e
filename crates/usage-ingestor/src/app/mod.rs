//! Use cases, one file each.

pub mod api_readings;
pub mod differences;
pub mod discovery;
pub mod event_types;
pub mod export_usage;
pub mod ingest_status;
pub mod inventory;
pub mod silence;
pub mod sim_events;
pub mod sim_usage;
pub mod top_usage;
pub mod usage_summary;

use std::sync::Arc;

use messages::Subjects;
use once_client::OnceClient;
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
    pub top: top_usage::TopAnswers,
}
