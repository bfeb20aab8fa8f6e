//! usage-ingestor as a process of its own.
#![forbid(unsafe_code)]

use std::time::Duration;

use anyhow::Context;
use once_client::OnceClient;
use once_client::settings::{self as once, OnceSettings};
use service_runtime::config::Settings;
use service_runtime::shutdown::Shutdown;
use service_runtime::{Shared, admin_http, telemetry};
use usage_ingestor::{DEFAULTS, IngestorConfig, SHORT_NAMES};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let names = [&once::SHORT_NAMES[..], &SHORT_NAMES].concat();
    let settings = Settings::from_env(&[once::DEFAULTS, DEFAULTS], &names)?;
    let runtime = settings.runtime()?;
    let config = IngestorConfig::from_settings(&settings)?;
    let account = settings.section::<OnceSettings>("once")?;
    let _telemetry = telemetry::init(&runtime.telemetry, "usage-ingestor")?;
    if std::env::args().nth(1).as_deref() == Some("migrate") {
        let steps = usage_ingestor::migrate(&runtime.database).await?;
        tracing::info!(steps, "schema is current");
        return Ok(());
    }
    let account = account.client(&runtime.redis.prefix)?;
    let listen = runtime.admin.listen.clone();
    let shared = Shared::start(runtime, "usage-ingestor").await?;
    let client = OnceClient::new(account, shared.redis.clone(), shared.metrics.recorder())?;
    let service = usage_ingestor::run(config, client, &shared).await?;
    let (admin, admin_port) = admin_http::serve(&listen, service.runtime.health, shared.metrics.clone())
        .with_context(|| format!("cannot listen on {listen}"))?;
    tracing::info!(address = %service.addr, admin_port, "usage-ingestor is up");
    let admin_handle = admin.handle();
    tokio::spawn(admin);
    Shutdown::on_signal().await?;
    shared.shutdown.finish(Duration::from_secs(35)).await;
    admin_handle.stop(true).await;
    Ok(())
}
