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
mod transport;

use std::net::SocketAddr;
use std::sync::Arc;

use service_runtime::config::DatabaseConfig;
use service_runtime::db::{self, DbError};
use service_runtime::{Runtime, Shared};

pub use app::audit;
pub use app::identity::keys::commands as keys;
pub use app::identity::users::commands as users;
pub use auth::Permission;
pub use config::{CacheConfig, GatewayConfig, KeysConfig, LimitsConfig, ListenConfig, LiveConfig};
pub use error::{ApiCode, ApiError, GatewayError};
pub use rest::openapi;

use app::Gateway;
use migrations::Migrator;

/// The defaults of the section `gateway`.
pub const DEFAULTS: &str = include_str!("../default.toml");

/// Environment variables that stand for keys of the section.
pub const SHORT_NAMES: [(&str, &str); 2] = [
    ("SIMWARD_LISTEN", "gateway.listen"),
    ("SIMWARD_KEY_SECRET", "gateway.key_secret"),
];

/// The schema, and the name of the service.
pub const SCHEMA: &str = "gateway";

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
    let runtime = Runtime::start(&shared, SCHEMA).await?;
    check_schema(&runtime.db).await?;
    let gateway = Arc::new(Gateway::new(config, runtime));
    let membership = cache::join_replicas(&gateway).await?;
    cache::follow_events(&gateway).await?;
    live::follow_stream(&gateway);
    app::audit::jobs::start(&gateway);
    let forget = app::idempotency::forget(Arc::clone(&gateway));
    gateway.shutdown.spawn(forget);
    let addr = rest::serve(Arc::clone(&gateway), membership)?;
    tracing::info!(%addr, "the REST API is served");
    Ok(Running { addr })
}

/// Fails while the schema lacks a step that this program needs.
///
/// # Errors
/// [`DbError::SchemaTooOld`], or the database's.
pub async fn check_schema(db: &db::Db) -> Result<(), DbError> {
    db.require_current::<Migrator>().await
}

/// Makes or updates the schema; the number of migrations applied.
///
/// # Errors
/// When the owner's login may not do that, or a migration fails.
pub async fn migrate(config: &DatabaseConfig) -> Result<usize, DbError> {
    db::migrate::<Migrator>(config, SCHEMA).await
}
