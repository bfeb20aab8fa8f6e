//! Use cases: one file each. They know the bus, the caches and the store, and nothing of HTTP.

pub mod audit;
pub(crate) mod export;
pub(crate) mod fleet;
pub(crate) mod get_sim;
pub(crate) mod idempotency;
pub(crate) mod identity;
pub(crate) mod jobs;
pub(crate) mod list_sims;
pub(crate) mod update_sim;
pub(crate) mod write_usage;

use std::future::Future;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use domain::OrganizationId;
use messages::{ErrorCode, RpcMethod};
use serde_json::json;
use service_runtime::Runtime;
use service_runtime::bus::Bus;
use service_runtime::db::Db;
use service_runtime::health::Health;
use service_runtime::ignored::Ignored;
use service_runtime::metrics::Metrics;
use service_runtime::shutdown::Shutdown;
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, oneshot};
use tracing::Instrument;

use crate::auth::{AuthCounts, Identity, KeyVerifier, Principal, Turns, UsageBook};
use crate::cache::{Replicas, SharedCache, SimCache};
use crate::config::GatewayConfig;
use crate::error::{ApiCode, ApiError};
use crate::limits::Limiter;
use crate::live::Live;
use crate::store;
use crate::store::audit::AuditEntry;
use crate::store::identity::keys::ApiKeys;

/// What the use cases stand on.
pub(crate) struct Gateway {
    pub config: GatewayConfig,
    pub bus: Bus,
    pub db: Db,
    pub keys: KeyVerifier,
    pub identity: Identity,
    pub auth_counts: AuthCounts,
    pub limiter: Limiter,
    /// Readings at 1NCE; they are requests too.
    pub refreshes: Limiter,
    pub key_usage: Arc<UsageBook>,
    pub sims: SharedCache,
    /// To be told of every change before it is answered.
    pub replicas: Arc<Replicas>,
    pub live: Arc<Live>,
    /// Files that are read at once; each has a thread that reads its lines.
    pub uploads: Arc<Semaphore>,
    pub overviews: fleet::Overviews,
    pub health: Health,
    pub metrics: Metrics,
    pub shutdown: Shutdown,
    /// The longest wait for a row of the audit log.
    audit_limit: Duration,
    main: Handle,
}

/// The longest wait for an answer that changes nothing.
pub(crate) const READ_LIMIT: Duration = Duration::from_secs(5);

/// The same where sums over a large fleet take their time.
pub(crate) const LONG_READ_LIMIT: Duration = Duration::from_secs(15);

/// The longest wait for a change, which may have to wait for 1NCE.
pub(crate) const CHANGE_LIMIT: Duration = Duration::from_secs(30);

/// Files that are uploaded at once.
const UPLOADS: usize = 8;

/// Who asked, from where, under which request id.
#[derive(Debug, Clone)]
pub(crate) struct RequestContext {
    pub principal: Arc<Principal>,
    pub request_id: Arc<str>,
    pub remote_addr: Option<IpAddr>,
}

impl RequestContext {
    /// Refuses the key of one organization; `why` begins the sentence that it is told.
    pub fn platform_only(&self, why: &str) -> Result<(), ApiError> {
        match self.principal.organization {
            None => Ok(()),
            Some(_) => {
                let message = format!("{why}, and the API key belongs to one organization");
                Err(ApiError::new(ApiCode::Forbidden, message))
            }
        }
    }
}

impl Gateway {
    /// Must be called on the main runtime: connections of the pools live on its reactor.
    pub fn new(config: GatewayConfig, runtime: Runtime) -> Self {
        let Runtime {
            shared, db, health, ..
        } = runtime;
        let key_usage = Arc::new(UsageBook::default());
        let turns = Arc::new(Turns::new(&shared.config.database));
        let identity = Identity::new(&config, &shared, &db, Arc::clone(&turns));
        let keys = KeyVerifier::new(
            &config.keys.key_secret,
            config.keys.ttl(),
            turns,
            ApiKeys::new(db.clone()),
            Arc::clone(&key_usage),
        );
        let redis_prefix = &shared.config.redis.prefix;
        let sims = SimCache::new(&config, shared.redis.clone(), redis_prefix, &shared.metrics);
        let replicas = Replicas::new(shared.bus.clone(), config.cache.replica_ack(), &shared.metrics);
        let limiter = Limiter::new(&config, shared.redis.clone(), redis_prefix, &shared.metrics);
        let refreshes = format!("{redis_prefix}:refresh");
        let refreshes = Limiter::new(&config, shared.redis.clone(), &refreshes, &shared.metrics);
        Self {
            limiter,
            refreshes,
            sims: Arc::new(sims),
            replicas: Arc::new(replicas),
            uploads: Arc::new(Semaphore::new(UPLOADS)),
            live: Arc::new(Live::new(&config, &shared.bus, &shared.metrics, &shared.shutdown)),
            overviews: fleet::Overviews::default(),
            auth_counts: AuthCounts::new(&shared.metrics),
            bus: shared.bus,
            metrics: shared.metrics,
            shutdown: shared.shutdown,
            audit_limit: Duration::from_millis(shared.config.database.acquire_timeout_ms),
            main: Handle::current(),
            config,
            db,
            keys,
            identity,
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

    /// Asks a service what changes nothing, and waits at most 5 seconds.
    pub async fn ask<M: RpcMethod>(
        &self,
        context: &RequestContext,
        question: &M::Request,
    ) -> Result<M::Response, ApiError> {
        self.ask_within::<M>(READ_LIMIT, context, question).await
    }

    /// The same where an answer takes longer.
    pub async fn ask_within<M: RpcMethod>(
        &self,
        limit: Duration,
        context: &RequestContext,
        question: &M::Request,
    ) -> Result<M::Response, ApiError> {
        let answer = self.bus.call::<M>(question, limit, &context.request_id);
        Ok(answer.await?)
    }

    /// Has a service act. What is to be done is written down before; afterwards, that it was refused or that nobody here
    /// knows whether it was done.
    pub async fn act<M: RpcMethod>(
        &self,
        context: &RequestContext,
        act: Act,
        details: serde_json::Value,
        request: &M::Request,
    ) -> Result<M::Response, ApiError> {
        self.audit(context, &act, details).await?;
        let answer = self.bus.call::<M>(request, CHANGE_LIMIT, &context.request_id);
        let answer = answer.await;
        if let Err(error) = &answer {
            self.audit_failure(context, &act, error.code).await;
        }
        Ok(answer?)
    }

    /// Writes down what is about to be done; without that it is not done.
    async fn audit(
        &self,
        context: &RequestContext,
        act: &Act,
        details: serde_json::Value,
    ) -> Result<(), ApiError> {
        self.append(context, act, act.action.to_owned(), details).await
    }

    /// Writes down that what was about to be done was refused, or that nobody here knows whether it was done.
    async fn audit_failure(&self, context: &RequestContext, act: &Act, code: ErrorCode) {
        let outcome = if is_refusal(code) { "failed" } else { "uncertain" };
        let action = format!("{}_{outcome}", act.action);
        let written = self
            .append(context, act, action, json!({ "code": code.word() }))
            .await;
        written.ignored("writing down that a change failed");
    }

    async fn append(
        &self,
        context: &RequestContext,
        act: &Act,
        action: String,
        details: serde_json::Value,
    ) -> Result<(), ApiError> {
        let entry = AuditEntry {
            actor: context.principal.actor(),
            organization: act.organization,
            action,
            subject: act.subject.clone(),
            request_id: context.request_id.to_string(),
            remote_addr: context.remote_addr.map(|addr| addr.to_string()),
            details,
        };
        tokio::time::timeout(self.audit_limit, store::audit::append(self.db.orm(), entry))
            .await
            .map_err(|silence| ApiError::database(&silence))?
            .map_err(|error| ApiError::database(&error))
    }
}

/// Something that is written down before it is done.
pub(crate) struct Act {
    /// Such as `sim.update`.
    pub action: &'static str,
    /// The ICCID, id or name of the thing.
    pub subject: String,
    /// Whose thing it is; `None`: the whole platform's, or not known.
    pub organization: Option<OrganizationId>,
}

/// Whether the error says that nothing was done. Otherwise the answer, here or at 1NCE, may have got lost on its way.
const fn is_refusal(code: ErrorCode) -> bool {
    match code {
        ErrorCode::NotFound
        | ErrorCode::InvalidIccid
        | ErrorCode::Validation
        | ErrorCode::Conflict
        | ErrorCode::UpstreamRateLimited
        | ErrorCode::CapabilityUnavailable => true,
        ErrorCode::Upstream | ErrorCode::Unavailable | ErrorCode::DeadlineExceeded | ErrorCode::Internal => {
            false
        }
    }
}
