//! The client of one 1NCE account; each file holds the calls of one kind.

mod actions;
mod call;
mod endpoint;
mod generation_map;
mod generations;
mod limits;
mod orders;
mod quota;
mod refusal;
mod settling;
mod signs;
mod sims;
mod sms;
mod support;
mod through;
mod usage;
mod verdict;

use std::sync::Arc;
use std::time::Duration;

use ::metrics::Recorder;
use deadpool_redis::Pool;
use domain::AccountSlug;

use crate::breaker::{Breaker, BreakerState, Breakers};
use crate::budget::{Budget, LimitSpec};
use crate::capability::Capabilities;
use crate::config::ClientConfig;
use crate::error::ClientError;
use crate::http;
use crate::metrics::ClientMetrics;
use crate::redis_link::RedisLink;
use crate::token::{LastLogin, LoginInfo, Tokens};
use call::Group;
use generation_map::GenerationMap;

/// Typed access to the Management API of one 1NCE account. Cheap to clone; all clones share one budget.
#[derive(Clone)]
pub struct OnceClient {
    inner: Arc<Inner>,
}

struct Inner {
    config: ClientConfig,
    base: String,
    http: reqwest::Client,
    tokens: Tokens,
    breakers: Breakers,
    metrics: ClientMetrics,
    generations: GenerationMap,
    sims: Budget,
    orders: Budget,
    products: Budget,
    support: Budget,
}

const FIVE_MINUTES: Duration = Duration::from_secs(300);

impl OnceClient {
    /// A client that shares token, budget and capabilities through Redis with every other process of this account.
    ///
    /// Without Redis it works alone with `sims_per_second / replicas`. Nothing is sent before the first call.
    pub fn new(
        config: ClientConfig,
        redis: Option<Pool>,
        recorder: Arc<dyn Recorder + Send + Sync>,
    ) -> Result<Self, ClientError> {
        let base = config.checked_base()?;
        let metrics = ClientMetrics::new(recorder, config.account.as_str());
        let http = http::build(&config)?;
        let link = redis.map(|pool| Arc::new(RedisLink::new(pool, config.redis_timeout)));
        let budget = |spec: LimitSpec, key: String| {
            let shared = link.clone().map(|link| (link, key));
            Budget::new(
                spec,
                shared,
                config.redis_retry,
                config.lane_max_wait,
                metrics.clone(),
            )
        };
        let per_ip = |name: &'static str, calls: u32, window: Duration| {
            budget(
                LimitSpec::per_ip(name, calls, window, config.replicas),
                config.ip_key(&format!("limit:{name}")),
            )
        };
        let rate = LimitSpec::sims(config.sims_per_second, config.budget_guard, config.replicas);
        let oauth = per_ip("oauth", 600, Duration::from_secs(60));
        let inner = Inner {
            tokens: Tokens::new(&config, &base, http.clone(), link.clone(), oauth, metrics.clone()),
            breakers: Breakers::new(&config, &metrics),
            generations: GenerationMap::new(&config, link.clone()),
            sims: budget(rate, config.key("budget")),
            orders: per_ip("orders", 100, FIVE_MINUTES),
            products: per_ip("products", 100, FIVE_MINUTES),
            support: per_ip("support", 100, FIVE_MINUTES),
            config,
            base,
            http,
            metrics,
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// The account that this client serves.
    pub fn account(&self) -> &AccountSlug {
        &self.inner.config.account
    }

    /// Asks 1NCE for a token whatever is cached: proves that address and credentials work.
    pub async fn login(&self) -> Result<LoginInfo, ClientError> {
        self.inner.tokens.login().await
    }

    /// How the last login of this process ended, or the last one of another process that it knows of; `None` before the
    /// first one. For health checks: asks nobody.
    pub fn last_login(&self) -> Option<LastLogin> {
        self.inner.tokens.last_login()
    }

    /// What this account's API offers. Asks 1NCE once (two list calls of one SIM) and remembers for an hour in all
    /// processes; when 1NCE cannot be asked, `probed` is false and the published API is assumed.
    pub async fn capabilities(&self) -> Capabilities {
        self.capability_map().await
    }

    /// The budget of `/sims*`.
    pub fn budget(&self) -> &Budget {
        &self.inner.sims
    }

    /// Whether calls of `/sims*` are held back because 1NCE keeps failing; of the generation that fares worst.
    pub fn breaker_state(&self) -> BreakerState {
        self.inner.breakers.sims_state()
    }

    fn breaker_of(&self, group: Group, version: &str) -> &Breaker {
        let breakers = &self.inner.breakers;
        match group {
            Group::Sims => breakers.sims(version),
            Group::Orders => &breakers.orders,
            Group::Products => &breakers.products,
            Group::Support => &breakers.support,
        }
    }

    fn budget_of(&self, group: Group) -> &Budget {
        match group {
            Group::Sims => &self.inner.sims,
            Group::Orders => &self.inner.orders,
            Group::Products => &self.inner.products,
            Group::Support => &self.inner.support,
        }
    }
}
