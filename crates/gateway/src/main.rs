//! The gateway as a process of its own: `gateway` serves, `gateway migrate` brings its schema up to date.

use gateway::{GatewayConfig, SERVICE};
use service_runtime::boot;
use service_runtime::config::Settings;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let configure = |settings: &Settings| Ok(GatewayConfig::from_settings(settings)?);
    boot::run(SERVICE, configure, async |config, shared| {
        gateway::run(config, shared.clone()).await?;
        // Health and metrics are served beside the REST API.
        Ok(None)
    })
    .await
}
