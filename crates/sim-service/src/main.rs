//! sim-service as a process of its own.
#![forbid(unsafe_code)]
// The futures of the sweep are nested deeper than the compiler expects.
#![recursion_limit = "256"]

use once_client::OnceClient;
use once_client::settings::OnceSettings;
use service_runtime::boot;
use service_runtime::config::Settings;
use sim_service::{SERVICE, SimServiceConfig};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let configure = |settings: &Settings| {
        let account: OnceSettings = settings.section("once")?;
        let prefix = settings.runtime()?.redis.prefix;
        Ok((
            SimServiceConfig::from_settings(settings)?,
            account.client(&prefix)?,
        ))
    };
    boot::run(SERVICE, configure, async |(config, account), shared| {
        let client = OnceClient::new(account, shared.redis.clone(), shared.metrics.recorder())?;
        let runtime = sim_service::run(config, client, shared).await?;
        Ok(Some(runtime.health))
    })
    .await
}
