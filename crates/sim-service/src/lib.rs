//! sim-service: knows every SIM of the fleet, reads it from 1NCE, changes it there, and announces what happened.
#![forbid(unsafe_code)]

mod app;
mod config;
pub mod doctor;
mod error;
mod migrations;
mod store;
mod transport;
mod trouble;
mod wire;

use std::sync::Arc;

use domain::OrganizationId;
use once_client::OnceClient;
use service_runtime::bus::BusError;
use service_runtime::outbox::Outbox;
use service_runtime::{Runtime, RuntimeError, Service, Shared};
use tokio::sync::Notify;

pub use config::{DEFAULTS, JobsConfig, ProviderConfig, SHORT_NAMES, SimServiceConfig, SweepConfig};

/// What has to be known of the service before it runs.
pub const SERVICE: Service = Service {
    process: "sim-service",
    schema: "sim",
    steps: migrations::STEPS,
    defaults: &[once_client::settings::DEFAULTS, DEFAULTS],
    short_names: &[&once_client::settings::SHORT_NAMES, &SHORT_NAMES],
};

/// Why the service cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A server cannot be reached.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] error::StoreError),
    /// NATS refused a subscription.
    #[error(transparent)]
    Bus(#[from] BusError),
}

/// Starts the service; it works until `shared.shutdown` starts. `client` is the process's one client of the account:
/// with two, a process would take its part of the budget twice while Redis is gone. Returns what an admin server needs.
///
/// # Errors
/// When a server refuses us.
pub async fn run(
    config: SimServiceConfig,
    client: OnceClient,
    shared: &Shared,
) -> Result<Runtime, StartError> {
    let runtime = Runtime::start(shared, &SERVICE).await?;
    let store = store::Store::new(runtime.db.clone());
    store::ensure_account(&store, client.account(), OrganizationId::DEFAULT).await?;
    let app = app::App {
        store,
        clients: Arc::new(vec![client]),
        outbox: Outbox::start(&runtime.db, &shared.bus, &shared.metrics, &shared.shutdown),
        subjects: shared.bus.subjects().clone(),
        sweep: Arc::new(config.sweep),
        jobs: Arc::new(config.jobs),
        refreshes: app::Refreshes::default(),
        wake_jobs: Arc::new(Notify::new()),
        wake: Arc::new(Notify::new()),
        provider: app::provider::Watch::new(&config.provider, config.clock),
        wanted: app::Wanted::default(),
        shutdown: shared.shutdown.clone(),
    };
    watch_provider(&runtime, &app);
    let mut rpc = runtime.rpc_server(app.clone());
    transport::serve(&mut rpc);
    rpc.start().await?;
    transport::ticks::start(&app, &runtime);
    shared.shutdown.spawn(app::jobs::run(
        app.clone(),
        shared.metrics.clone(),
        shared.shutdown.clone(),
    ));
    for client in app.clients.iter() {
        let (app, client) = (app.clone(), client.clone());
        shared.shutdown.spawn(app::fleet_metrics::run(
            app.store.clone(),
            client.account().to_string(),
            shared.metrics.clone(),
            shared.shutdown.clone(),
        ));
        shared.shutdown.spawn(app::provider::run(
            app.provider.clone(),
            client.clone(),
            shared.metrics.clone(),
            shared.shutdown.clone(),
        ));
        shared.shutdown.spawn(app::sweep::run(
            app,
            client,
            shared.metrics.clone(),
            shared.shutdown.clone(),
        ));
    }
    Ok(runtime)
}

/// A failing 1NCE, or the end of its v1, limits the service but does not make it unready: what is stored is still served. A
/// refused login shows in what the newest sweep waits for, too.
fn watch_provider(runtime: &Runtime, app: &app::App) {
    let clients = Arc::clone(&app.clients);
    let store = app.store.clone();
    runtime.health.add("1nce", false, move || {
        let (clients, store) = (Arc::clone(&clients), store.clone());
        async move {
            let mut failing = Vec::new();
            for client in clients.iter() {
                let account = client.account();
                // The database has a check of its own.
                let waits = store.newest_wait(account.as_str()).await.ok().flatten();
                let waits = waits.map(|reason| format!("account {account}: {reason}"));
                failing.extend(app::provider::failing(client).or(waits));
            }
            all_well(failing)
        }
    });
    let watch = app.provider.clone();
    runtime.health.add("1nce-v1", false, move || {
        std::future::ready(all_well(watch.end_warnings()))
    });
}

fn all_well(failing: Vec<String>) -> Result<(), String> {
    if failing.is_empty() {
        return Ok(());
    }
    Err(failing.join("; "))
}
