//! The gateway as a process of its own: `gateway` serves, `gateway migrate` brings its schema up to date.

use std::time::Duration;

use anyhow::Context;
use gateway::GatewayConfig;
use service_runtime::Shared;
use service_runtime::config::Settings;
use service_runtime::shutdown::Shutdown;
use service_runtime::telemetry;

/// Longer than the HTTP server gives running requests: a change at a slow 1NCE takes half a minute.
const GRACE: Duration = Duration::from_secs(35);

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let settings = Settings::from_env(&[gateway::DEFAULTS], &gateway::SHORT_NAMES)?;
    let config = settings.runtime()?;
    let _telemetry = telemetry::init(&config.telemetry, "gateway")?;
    match std::env::args().nth(1).as_deref() {
        Some("migrate") => {
            let applied = gateway::migrate(&config.database).await?;
            tracing::info!(applied, "schema is up to date");
            return Ok(());
        }
        Some(other) => anyhow::bail!("unknown command `{other}`: use `migrate` or none"),
        None => {}
    }
    let own = GatewayConfig::from_settings(&settings)?;
    let shared = Shared::start(config, "simward-gateway").await?;
    gateway::run(own, shared.clone()).await.context("gateway")?;
    Shutdown::on_signal().await?;
    anyhow::ensure!(shared.shutdown.finish(GRACE).await, "some tasks did not end");
    Ok(())
}
