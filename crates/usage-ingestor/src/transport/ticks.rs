//! What runs on its own: the copy of the inventory, the search for unknown SIMs, and retention.

use std::time::Duration;

use messages::JOBS;
use service_runtime::Runtime;
use service_runtime::bus::{ConsumerSpec, Outcome, Tick, consume, publish_ticks};

use crate::app::inventory::InventoryError;
use crate::app::{App, discovery};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// After a failure.
const RETRY: Duration = Duration::from_secs(60);

const INVENTORY: ConsumerSpec = ConsumerSpec {
    stream: JOBS,
    durable: "usage-inventory-due",
    filter: "job.v1.usage.inventory-due",
    // A day of tries; the next tick asks for the same.
    max_deliver: 1_440,
    ack_wait: Duration::from_secs(15 * 60),
};
const STORAGE: ConsumerSpec = ConsumerSpec {
    stream: JOBS,
    durable: "usage-storage-due",
    filter: "job.v1.usage.storage-due",
    max_deliver: 1_440,
    ack_wait: Duration::from_secs(15 * 60),
};

/// Starts all of it; it ends with the process.
pub fn start(app: &App, runtime: &Runtime) {
    let shutdown = &runtime.shared.shutdown;
    super::inventory::start(app, runtime);
    shutdown.spawn(discovery::run(app.clone(), shutdown.clone()));
    daily(app, runtime, "usage.inventory-due", INVENTORY, read_inventory);
    daily(app, runtime, "usage.storage-due", STORAGE, keep_storage);
}

/// Publishes a daily tick and does the work that it asks for, on one replica at a time.
fn daily<F>(app: &App, runtime: &Runtime, job: &'static str, spec: ConsumerSpec, work: fn(App) -> F)
where
    F: Future<Output = Result<(), InventoryError>> + Send + 'static,
{
    let shared = &runtime.shared;
    let (bus, metrics, end) = (
        shared.bus.clone(),
        shared.metrics.clone(),
        shared.shutdown.clone(),
    );
    let tick = Tick { job, period: DAY };
    shared
        .shutdown
        .spawn(publish_ticks(bus.clone(), tick, end.clone()));
    let (app, ending) = (app.clone(), end.clone());
    let handler = move |_message| {
        let (work, end) = (work(app.clone()), ending.clone());
        async move {
            match end.or(work).await {
                Some(Ok(())) => Outcome::Done,
                Some(Err(error)) => {
                    tracing::warn!(%error, job, "daily work is tried again later");
                    Outcome::Retry(RETRY)
                }
                None => Outcome::Retry(Duration::ZERO),
            }
        }
    };
    shared.shutdown.spawn(consume(bus, spec, metrics, end, handler));
}

async fn read_inventory(app: App) -> Result<(), InventoryError> {
    let sims = app.read_inventory().await?;
    tracing::info!(sims, "the inventory was read");
    Ok(())
}

async fn keep_storage(app: App) -> Result<(), InventoryError> {
    let config = &app.config;
    let edition = app
        .store
        .keep_storage(config.usage_days, config.events_days, config.compress_after_days)
        .await?;
    app.store.forget_old(config.rejects_days).await?;
    tracing::info!(edition, "old data was dropped");
    Ok(())
}
