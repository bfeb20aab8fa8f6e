//! sim-service as a process of its own.
#![forbid(unsafe_code)]
// The futures of the sweep are nested deeper than the compiler expects.
#![recursion_limit = "256"]

use std::time::Duration;

use anyhow::Context;
use once_client::OnceClient;
use once_client::settings::{self as once, OnceSettings};
use service_runtime::config::Settings;
use service_runtime::shutdown::Shutdown;
use service_runtime::{Shared, admin_http, telemetry};
use sim_service::{DEFAULTS, SHORT_NAMES, SimServiceConfig};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let settings = Settings::from_env(
        &[once::DEFAULTS, DEFAULTS],
        &[&once::SHORT_NAMES[..], &SHORT_NAMES].concat(),
    )?;
    let runtime = settings.runtime()?;
    let config = SimServiceConfig::from_settings(&settings)?;
    let account = settings
        .section::<OnceSettings>("once")?
        .client(&runtime.redis.prefix)?;
    let _telemetry = telemetry::init(&runtime.telemetry, "sim-service")?;
    if std::env::args().nth(1).as_deref() == Some("migrate") {
        let steps = sim_service::migrate(&runtime.database).await?;
        tracing::info!(steps, "schema is current");
        return Ok(());
    }
    let listen = runtime.admin.listen.clone();
    let shared = Shared::start(runtime, "sim-service").await?;
    let client = OnceClient::new(account, shared.redis.clone(), shared.metrics.recorder())?;
    let service = sim_service::run(config, client, &shared).await?;
    let (admin, port) = admin_http::serve(&listen, service.health, shared.metrics.clone())
        .with_context(|| format!("cannot listen on {listen}"))?;
    tracing::info!(port, "sim-service is up");
    let admin_handle = admin.handle();
    tokio::spawn(admin);
    Shutdown::on_signal().await?;
    shared.shutdown.finish(Duration::from_secs(35)).await;
    admin_handle.stop(true).await;
    Ok(())
}
