//! usage-ingestor as a process of its own.
#![forbid(unsafe_code)]

use once_client::OnceClient;
use once_client::settings::OnceSettings;
use service_runtime::boot;
use service_runtime::config::Settings;
use usage_ingestor::{IngestorConfig, SERVICE};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let configure = |settings: &Settings| {
        let account: OnceSettings = settings.section("once")?;
        let prefix = settings.runtime()?.redis.prefix;
        Ok((IngestorConfig::from_settings(settings)?, account.client(&prefix)?))
    };
    boot::run(SERVICE, configure, async |(config, account), shared| {
        let client = OnceClient::new(account, shared.redis.clone(), shared.metrics.recorder())?;
        let service = usage_ingestor::run(config, client, shared).await?;
        tracing::info!(address = %service.addr, "the Data Streamer is received");
        Ok(Some(service.runtime.health))
    })
    .await
}
