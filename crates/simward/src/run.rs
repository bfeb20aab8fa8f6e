//! The all-in-one process.

use anyhow::Context;
use gateway::GatewayConfig;
use once_client::OnceClient;
use once_client::settings::OnceSettings;
use service_runtime::config::Settings;
use service_runtime::{Service, Shared, boot, telemetry};
use sim_service::SimServiceConfig;
use usage_ingestor::IngestorConfig;

/// Every service of this process; the gateway answers with the help of the others.
pub const SERVICES: [Service; 3] = [gateway::SERVICE, sim_service::SERVICE, usage_ingestor::SERVICE];

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
    boot::until_signal(&shared).await
}

/// Brings every schema up to date, one after the other.
pub async fn migrate(settings: &Settings) -> anyhow::Result<()> {
    let database = settings.runtime()?.database;
    for service in SERVICES {
        let schema = service.schema;
        let steps = service.migrate(&database).await;
        let steps = steps.with_context(|| format!("schema {schema}"))?;
        println!("schema {schema}: {steps} new migration(s)");
    }
    Ok(())
}
