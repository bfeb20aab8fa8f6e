//! Use cases: one file each. They know the bus, the caches and the store, and nothing of HTTP.

pub(crate) mod get_sim;
pub mod keys;
pub(crate) mod list_sims;
pub(crate) mod sim_view;
pub(crate) mod sync;
pub(crate) mod update_sim;
pub(crate) mod write_usage;

use std::future::Future;
use std::net::IpAddr;
use std::sync::Arc;

use service_runtime::Runtime;
use service_runtime::bus::Bus;
use service_runtime::db::Db;
use service_runtime::health::Health;
use service_runtime::metrics::Metrics;
use service_runtime::shutdown::Shutdown;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tracing::Instrument;

use crate::auth::{AuthCounts, KeyVerifier, Principal, UsageBook};
use crate::cache::{SharedCache, SimCache};
use crate::config::GatewayConfig;
use crate::error::ApiError;
use crate::store::api_keys::ApiKeys;
use crate::store::audit::{self, AuditEntry};

/// What the use cases stand on.
pub(crate) struct Gateway {
    pub config: GatewayConfig,
    pub bus: Bus,
    pub db: Db,
    pub keys: KeyVerifier,
    pub auth_counts: AuthCounts,
    pub key_usage: Arc<UsageBook>,
    pub sims: SharedCache,
    pub health: Health,
    pub metrics: Metrics,
    pub shutdown: Shutdown,
    main: Handle,
}

/// Who asked, from where, under which request id.
#[derive(Debug, Clone)]
pub(crate) struct Asker {
    pub principal: Arc<Principal>,
    pub request_id: Arc<str>,
    pub remote_addr: Option<IpAddr>,
}

impl Gateway {
    /// Must be called on the main runtime: connections of the pools live on its reactor.
    pub fn new(config: GatewayConfig, runtime: Runtime) -> Self {
        let Runtime {
            shared, db, health, ..
        } = runtime;
        let key_usage = Arc::new(UsageBook::default());
        let keys = KeyVerifier::new(
            &config.key_secret,
            config.key_ttl(),
            &shared.config.database,
            ApiKeys::new(db.clone()),
            Arc::clone(&key_usage),
        );
        let redis_prefix = &shared.config.redis.prefix;
        let sims = SimCache::new(&config, shared.redis.clone(), redis_prefix, &shared.metrics);
        Self {
            sims: Arc::new(sims),
            auth_counts: AuthCounts::new(&shared.metrics),
            bus: shared.bus,
            metrics: shared.metrics,
            shutdown: shared.shutdown,
            main: Handle::current(),
            config,
            db,
            keys,
            key_usage,
            health,
        }
    }

    /// Runs to the end on the main runtime, even when the client hangs up; the end of the process waits for it.
    pub async fn on_main<T, F>(&self, work: F) -> Result<T, ApiError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, ApiError>> + Send + 'static,
    {
        let (tell, told) = oneshot::channel();
        let work = async move {
            if tell.send(work.await).is_err() {
                tracing::debug!("done, but the client hung up");
            }
        };
        let work = work.instrument(tracing::Span::current());
        {
            let _main = self.main.enter();
            self.shutdown.spawn(work);
        }
        told.await
            .unwrap_or_else(|_| Err(ApiError::internal(&"the work ended without an outcome")))
    }

    /// Writes down what is about to be done; without that it is not done.
    async fn audit(
        &self,
        asker: &Asker,
        action: &'static str,
        subject: &str,
        details: serde_json::Value,
    ) -> Result<(), ApiError> {
        let entry = AuditEntry {
            actor: asker.principal.actor(),
            organization: asker.principal.organization,
            action,
            subject: subject.to_owned(),
            request_id: asker.request_id.to_string(),
            remote_addr: asker.remote_addr.map(|addr| addr.to_string()),
            details,
        };
        audit::append(self.db.orm(), entry)
            .await
            .map_err(|error| ApiError::database(&error))
    }
}
