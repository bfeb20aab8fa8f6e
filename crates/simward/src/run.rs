//! The all-in-one process.

use std::time::Duration;

use anyhow::{Context, bail};
use gateway::GatewayConfig;
use once_client::OnceClient;
use once_client::settings::OnceSettings;
use service_runtime::config::Settings;
use service_runtime::shutdown::Shutdown;
use service_runtime::{Shared, telemetry};
use sim_service::SimServiceConfig;
use usage_ingestor::IngestorConfig;

/// Requests in flight get this long to end: a change at a slow 1NCE takes half a minute.
const GRACE: Duration = Duration::from_secs(35);

/// Starts every service and waits for a signal.
pub async fn run(settings: &Settings) -> anyhow::Result<()> {
    let runtime = settings.runtime()?;
    let sim = SimServiceConfig::from_settings(settings)?;
    let usage = IngestorConfig::from_settings(settings)?;
    let account = settings
        .section::<OnceSettings>("once")?
        .client(&runtime.redis.prefix)?;
    let public = GatewayConfig::from_settings(settings)?;
    let _telemetry = telemetry::init(&runtime.telemetry, "simward")?;
    let shared = Shared::start(runtime, "simward").await?;
    let client = OnceClient::new(account, shared.redis.clone(), shared.metrics.recorder())?;
    sim_service::run(sim, client.clone(), &shared)
        .await
        .context("sim-service")?;
    let ingestor = usage_ingestor::run(usage, client, &shared)
        .await
        .context("usage-ingestor")?;
    tracing::info!(address = %ingestor.addr, "the Data Streamer is received");
    let gateway = gateway::run(public, shared.clone()).await.context("gateway")?;
    tracing::info!(address = %gateway.addr(), "simward is up");
    Shutdown::on_signal().await?;
    tracing::info!("ending");
    if !shared.shutdown.finish(GRACE).await {
        bail!("some work did not end within {GRACE:?}");
    }
    Ok(())
}

/// Brings every schema up to date, one after the other.
pub async fn migrate(settings: &Settings) -> anyhow::Result<()> {
    let database = settings.runtime()?.database;
    for (name, steps) in [
        (
            "gateway",
            gateway::migrate(&database).await.context("schema gateway")?,
        ),
        (
            sim_service::NAME,
            sim_service::migrate(&database).await.context("schema sim")?,
        ),
        (
            usage_ingestor::NAME,
            usage_ingestor::migrate(&database).await.context("schema usage")?,
        ),
    ] {
        println!("schema {name}: {steps} new migration(s)");
    }
    Ok(())
}
