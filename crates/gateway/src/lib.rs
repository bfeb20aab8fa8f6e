//! The public REST gateway: identity, permissions, envelope, validation and the cache of SIMs.
//!
//! It holds no SIM: it asks sim-service over NATS. Its own tables are identity and the audit log.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod app;
mod auth;
mod cache;
mod config;
mod error;
mod limits;
mod live;
mod migrations;
mod redis_link;
mod rest;
mod seldom;
mod store;
mod wire;

use std::net::SocketAddr;
use std::sync::Arc;

use service_runtime::{Runtime, Service, Shared};

pub use app::audit;
pub use app::identity::keys::commands as keys;
pub use app::identity::users::commands as users;
pub use auth::Permission;
pub use config::{CacheConfig, GatewayConfig, KeysConfig, LimitsConfig, ListenConfig, LiveConfig};
pub use error::{ApiCode, ApiError, GatewayError};
pub use rest::openapi;

use app::Gateway;

/// The defaults of the section `gateway`.
pub const DEFAULTS: &str = include_str!("../default.toml");

/// Environment variables that stand for keys of the section.
pub const SHORT_NAMES: [(&str, &str); 3] = [
    ("GATEWAY_DATABASE_URL", "database.logins.gateway"),
    ("SIMWARD_LISTEN", "gateway.listen"),
    ("SIMWARD_KEY_SECRET", "gateway.key_secret"),
];

/// What has to be known of the gateway before it runs.
pub const SERVICE: Service = Service {
    process: "gateway",
    schema: "gateway",
    steps: migrations::STEPS,
    defaults: &[DEFAULTS],
    short_names: &[&SHORT_NAMES],
};

/// A gateway that serves until `shared.shutdown` is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Running {
    addr: SocketAddr,
}

impl Running {
    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }
}

/// Starts serving; stops, with the last use counts written, when `shared.shutdown` is asked for.
///
/// # Errors
/// When a setting, the database, NATS or the address cannot be used.
pub async fn run(config: GatewayConfig, shared: Shared) -> Result<Running, GatewayError> {
    config.check()?;
    let runtime = Runtime::start(&shared, &SERVICE).await?;
    let gateway = Arc::new(Gateway::new(config, runtime));
    let (sims, end) = (Arc::clone(&gateway.sims), &gateway.shutdown);
    let membership = cache::join_replicas(Arc::clone(&gateway.replicas), Arc::clone(&sims), end).await?;
    cache::follow_events(gateway.bus.clone(), sims, end.clone()).await?;
    live::follow_stream(Arc::clone(&gateway.live), end);
    app::audit::jobs::start(&gateway);
    let forget = app::idempotency::forget(Arc::clone(&gateway));
    gateway.shutdown.spawn(forget);
    let addr = rest::serve(Arc::clone(&gateway), membership)?;
    tracing::info!(%addr, "the REST API is served");
    Ok(Running { addr })
}
