//! What runs on its own: the copy of the inventory, the search for unknown SIMs, and retention.

use std::time::Duration;

use messages::JOBS;
use service_runtime::Runtime;
use service_runtime::bus::{ConsumerSpec, DueWork};

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
    runtime.on_tick(daily(INVENTORY), app.clone(), read_inventory);
    runtime.on_tick(daily(STORAGE), app.clone(), keep_storage);
}

fn daily(consumer: ConsumerSpec) -> DueWork {
    DueWork {
        consumer,
        period: DAY,
        retry: RETRY,
    }
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
