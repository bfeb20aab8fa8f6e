//! usage-ingestor: receives 1NCE's Data Streamer, keeps every record of usage and every event once, compares with 1NCE's
//! API, and answers what was used.
#![forbid(unsafe_code)]

mod app;
mod config;
mod error;
#[cfg(fuzzing)]
pub mod fuzzing;
mod migrations;
mod store;
mod transport;

use std::net::SocketAddr;

use once_client::OnceClient;
use service_runtime::bus::BusError;
use service_runtime::{Runtime, RuntimeError, Service, Shared};

pub use config::{DEFAULTS, IngestorConfig, SHORT_NAMES};

/// What has to be known of the service before it runs.
pub const SERVICE: Service = Service {
    process: "usage-ingestor",
    schema: "usage",
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
    /// NATS refused a subscription.
    #[error(transparent)]
    Bus(#[from] BusError),
    /// The receiver cannot listen.
    #[error(transparent)]
    Listen(#[from] transport::http::ListenError),
}

/// A service that works until `shared.shutdown` is asked for.
#[derive(Clone)]
pub struct Running {
    /// Where the Data Streamer posts.
    pub addr: SocketAddr,
    /// What an admin server needs.
    pub runtime: Runtime,
}

/// Starts the service. `client` is the process's one client of the account: with two, a process would take its part of the
/// budget twice while Redis is gone.
///
/// # Errors
/// When a server refuses us or the address is taken.
pub async fn run(config: IngestorConfig, client: OnceClient, shared: &Shared) -> Result<Running, StartError> {
    let runtime = Runtime::start(shared, &SERVICE).await?;
    let app = app::App::new(config, client, &runtime);
    let mut rpc = runtime.rpc_server(app.clone());
    transport::serve(&mut rpc);
    rpc.start().await?;
    transport::batches::start(&app, &runtime);
    app.run_readings(&shared.shutdown);
    watch_streams(&app, &runtime);
    transport::ticks::start(&app, &runtime);
    let addr = transport::http::serve(&app, &shared.shutdown)?;
    Ok(Running { addr, runtime })
}

/// A silent stream limits the service but does not make it unready: what is stored is still served.
fn watch_streams(app: &app::App, runtime: &Runtime) {
    let store = app.store.clone();
    runtime.health.add("data_streamer", false, move || {
        let store = store.clone();
        async move {
            match store::stream_state::silent(&store).await {
                Ok(streams) if streams.is_empty() => Ok(()),
                Ok(streams) => Err(format!("nothing comes any more: {}", streams.join(", "))),
                Err(_) => Err("not known, the database does not answer".to_owned()),
            }
        }
    });
    let (app, end) = (app.clone(), runtime.shared.shutdown.clone());
    runtime
        .shared
        .shutdown
        .spawn(async move { app.watch_streams(&end).await });
}
