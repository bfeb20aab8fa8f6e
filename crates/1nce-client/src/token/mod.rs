//! The bearer token of one account: in Redis for all processes, cached here, fetched by one at a time.
//!
//! 1NCE returns the same token with a shrinking `expires_in` until it dies (FACTS §2), so an early refresh may bring
//! nothing new: early refreshes keep a distance, and the lifetime is the longest one seen for a token.
//! A login is refused with 400 (FACTS §2); the refusal is remembered for some seconds by all processes.

mod answer;
mod bearer;
mod cached;
mod last_login;
mod store;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use secrecy::{ExposeSecret, SecretString};
use tokio::sync::{Mutex as FairMutex, OwnedMutexGuard};
use tracing::Instrument;

use crate::budget::Budget;
use crate::config::ClientConfig;
use crate::connection;
use crate::error::{ClientError, LoginFailure};
use crate::http;
use crate::lane::Lane;
use crate::metrics::ClientMetrics;
use crate::redis_link::RedisLink;
use answer::{Issued, login_failure, read_issued};
pub(crate) use bearer::Token;
use cached::Cached;
pub use last_login::LastLogin;
use store::{Lookup, SharedToken, TokenStore};

/// A token with less than this left is not sent any more.
const MARGIN: Duration = Duration::from_secs(5);
/// A token that 1NCE issued this recently and refuses will not be replaced by a better one.
const FRESH: Duration = Duration::from_secs(2);
/// How often a process looks whether another one has fetched the token.
const POLL: Duration = Duration::from_millis(50);
/// How long a failed (not refused) login is answered from memory.
const FAILURE_PAUSE: Duration = Duration::from_millis(500);

/// What a forced login brought, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginInfo {
    /// How long the token lives.
    pub expires_in: Duration,
    /// The API user, if 1NCE told it.
    pub user_id: Option<String>,
    /// Whether the token is in Redis for the other processes.
    pub shared: bool,
}

#[derive(Default)]
struct State {
    cached: Option<Cached>,
    last: Option<LastLogin>,
    failure: Option<(Instant, LoginFailure)>,
}

/// Hands out tokens; cheap to clone.
#[derive(Clone)]
pub(crate) struct Tokens {
    inner: Arc<Inner>,
}

struct Inner {
    http: reqwest::Client,
    url: String,
    client_id: String,
    client_secret: SecretString,
    timeout: Duration,
    refused_pause: Duration,
    refresh_distance: Duration,
    max_body: usize,
    store: Option<TokenStore>,
    budget: Budget,
    metrics: ClientMetrics,
    state: Mutex<State>,
    refresh: Arc<FairMutex<()>>,
}

/// The right to talk to the token endpoint in this process.
type Turn = OwnedMutexGuard<()>;

/// A token that was fetched just now.
struct Fetched {
    token: Token,
    info: LoginInfo,
}

impl Tokens {
    pub(crate) fn new(
        config: &ClientConfig,
        base: &str,
        http: reqwest::Client,
        redis: Option<Arc<RedisLink>>,
        budget: Budget,
        metrics: ClientMetrics,
    ) -> Self {
        let key = config.key(&format!("token:{}", config.client_id));
        Self {
            inner: Arc::new(Inner {
                http,
                url: format!("{base}/oauth/token"),
                client_id: config.client_id.clone(),
                client_secret: config.client_secret.clone(),
                timeout: config.call_timeout,
                refused_pause: config.bad_login_pause,
                refresh_distance: config.token_refresh_distance,
                max_body: config.max_body,
                store: redis.map(|link| TokenStore::new(link, key, &config.client_secret)),
                budget,
                metrics,
                state: Mutex::default(),
                refresh: Arc::default(),
            }),
        }
    }

    /// A token that lives for some seconds at least.
    pub(crate) async fn get(&self) -> Result<Token, ClientError> {
        let now = Instant::now();
        if let Some(cached) = self.inner.usable(now) {
            if cached.is_old(now) && now.duration_since(cached.early_at) >= self.inner.refresh_distance {
                self.refresh_early();
            }
            return Ok(cached.token);
        }
        let turn = self.turn().await;
        match self.inner.usable(Instant::now()) {
            Some(cached) => Ok(cached.token),
            None => self.obtain(turn, None).await,
        }
    }

    /// The token of this process, good or not.
    pub(crate) fn held(&self) -> Option<Token> {
        self.inner
            .state()
            .cached
            .as_ref()
            .map(|cached| cached.token.clone())
    }

    pub(crate) fn last_login(&self) -> Option<LastLogin> {
        self.inner.state().last.clone()
    }

    async fn turn(&self) -> Turn {
        self.inner.refresh.clone().lock_owned().await
    }

    /// A usable token other than the refused one: from Redis, or fetched under the lock that all processes share.
    async fn obtain(&self, turn: Turn, refused: Option<&Token>) -> Result<Token, ClientError> {
        let inner = &self.inner;
        let remembered = inner.state().failure.clone();
        if let Some((until, failure)) = remembered
            && Instant::now() < until
        {
            return Err(ClientError::Login(failure));
        }
        let give_up = Instant::now() + inner.timeout * 2;
        while let Some(store) = &inner.store {
            match store.look(MARGIN).await {
                // Another process had asked for it before it was refused, and stored it only now.
                Lookup::Token(shared) if refused.is_some_and(|refused| refused.same(&shared.token)) => {
                    store.forget(&shared.token).await;
                }
                Lookup::Token(shared) => return Ok(inner.adopt_shared(shared)),
                Lookup::Refused(failure) => {
                    inner.state().last = Some(LastLogin::now(Err(failure.clone())));
                    return Err(ClientError::Login(failure));
                }
                Lookup::Busy if Instant::now() < give_up => tokio::time::sleep(POLL).await,
                Lookup::Yours | Lookup::Busy | Lookup::Lost => break,
            }
        }
        Ok(self.fetch(turn).await?.token)
    }

    /// Fetches in a task of its own: a caller that goes away must neither leave the lock behind nor lose the answer.
    async fn fetch(&self, turn: Turn) -> Result<Fetched, ClientError> {
        let tokens = self.clone();
        let work = async move {
            let fetched = tokens.inner.fetch_and_unlock().await;
            drop(turn);
            fetched
        };
        tokio::spawn(work.in_current_span())
            .await
            .unwrap_or_else(|error| Err(login_failure(None, None, format!("login task: {error}"))))
    }

    /// After a 401: another token than the refused one. Fails when the refused one was issued just now.
    pub(crate) async fn replace(&self, refused: &Token) -> Result<Token, ClientError> {
        let inner = &self.inner;
        let turn = self.turn().await;
        let now = Instant::now();
        if let Some(cached) = inner.usable(now) {
            if !cached.token.same(refused) {
                return Ok(cached.token);
            }
            if cached.fetched_at.is_some_and(|at| now.duration_since(at) < FRESH) {
                return Err(ClientError::Unauthorized { request_id: None });
            }
            inner.state().cached = None;
        }
        if let Some(store) = &inner.store {
            store.forget(refused).await;
        }
        self.obtain(turn, Some(refused)).await
    }

    /// Asks 1NCE for a token whatever is cached: proves that the credentials work.
    pub(crate) async fn login(&self) -> Result<LoginInfo, ClientError> {
        let inner = &self.inner;
        let turn = self.turn().await;
        let give_up = Instant::now() + inner.timeout * 2;
        if let Some(store) = &inner.store {
            while !store.lock().await && Instant::now() < give_up {
                tokio::time::sleep(POLL).await;
            }
        }
        Ok(self.fetch(turn).await?.info)
    }

    /// Looks for a newer token while the old one is still good; nobody waits for it.
    fn refresh_early(&self) {
        if let Some(cached) = self.inner.state().cached.as_mut() {
            cached.early_at = Instant::now();
        }
        let tokens = self.clone();
        tokio::spawn(async move {
            let Ok(turn) = tokens.inner.refresh.clone().try_lock_owned() else {
                return;
            };
            if let Err(error) = tokens.obtain_early(turn).await {
                tracing::warn!(%error, "cannot refresh the 1NCE token; the old one is still good");
            }
        });
    }

    async fn obtain_early(&self, turn: Turn) -> Result<(), ClientError> {
        let inner = &self.inner;
        if let Some(store) = &inner.store {
            let cached = inner.state().cached.clone();
            let newer = store.newer_than(cached.as_ref()).await;
            if let Some(newer) = newer {
                inner.adopt_shared(newer);
                return Ok(());
            }
            // Whoever holds the lock is fetching already.
            if !store.may_refresh_early(inner.refresh_distance).await || !store.lock().await {
                return Ok(());
            }
        }
        self.fetch(turn).await.map(drop)
    }
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn usable(&self, now: Instant) -> Option<Cached> {
        self.state().cached.clone().filter(|cached| {
            // 1NCE may hand out the last seconds of a token; asking again would only bring the same one.
            let just_issued = cached.fetched_at.is_some_and(|at| now.duration_since(at) < FRESH);
            cached.left(now) > MARGIN || (just_issued && !cached.left(now).is_zero())
        })
    }

    fn adopt_shared(&self, shared: SharedToken) -> Token {
        self.adopt(shared.token, shared.left, shared.lifetime, false)
    }

    fn adopt(&self, token: Token, left: Duration, lifetime: Duration, fetched: bool) -> Token {
        let now = Instant::now();
        let mut state = self.state();
        let before = state
            .cached
            .as_ref()
            .filter(|cached| cached.token.same(&token))
            .map_or(Duration::ZERO, |cached| cached.lifetime);
        state.failure = None;
        state.last = Some(LastLogin::now(Ok(())));
        state.cached = Some(Cached {
            token: token.clone(),
            deadline: now + left,
            lifetime: lifetime.max(before),
            fetched_at: fetched.then_some(now),
            // A token that is old on arrival is not looked after at once: the server has no better one yet.
            early_at: now,
        });
        token
    }

    /// Fetches with the shared lock held, and gives it back.
    async fn fetch_and_unlock(&self) -> Result<Fetched, ClientError> {
        let Some(store) = &self.store else {
            let issued = self.fetch().await?;
            return Ok(self.keep(issued).await);
        };
        let issued = tokio::select! {
            issued = self.fetch() => issued,
            never = store.keep_lock() => match never {},
        };
        let outcome = match issued {
            Ok(issued) => Ok(self.keep(issued).await),
            Err(error) => Err(error),
        };
        if let Err(ClientError::Login(failure)) = &outcome
            && failure.refused
        {
            store.remember_refusal(failure, self.refused_pause).await;
        }
        store.unlock().await;
        outcome
    }

    /// Puts a fetched token into the cache and into Redis.
    async fn keep(&self, issued: Issued) -> Fetched {
        let token = self.adopt(issued.token, issued.expires_in, issued.expires_in, true);
        let lifetime = self
            .state()
            .cached
            .as_ref()
            .map_or(issued.expires_in, |c| c.lifetime);
        let shared = match &self.store {
            Some(store) => store.save(&token, issued.expires_in, lifetime).await,
            None => false,
        };
        let info = LoginInfo {
            expires_in: issued.expires_in,
            user_id: issued.user_id,
            shared,
        };
        Fetched { token, info }
    }

    async fn fetch(&self) -> Result<Issued, ClientError> {
        let result = self.ask().await;
        let word = match &result {
            Ok(_) => "ok",
            Err(ClientError::Login(failure)) if failure.refused => "refused",
            Err(_) => "failed",
        };
        self.metrics.token_refresh(word);
        if let Err(ClientError::Login(failure)) = &result {
            let pause = if failure.refused {
                self.refused_pause
            } else {
                FAILURE_PAUSE
            };
            let mut state = self.state();
            state.last = Some(LastLogin::now(Err(failure.clone())));
            state.failure = Some((Instant::now() + pause, failure.clone()));
        }
        result
    }

    async fn ask(&self) -> Result<Issued, ClientError> {
        let grant = self.budget.acquire(Lane::Interactive).await?;
        let started = Instant::now();
        let request = self
            .http
            .post(&self.url)
            .basic_auth(&self.client_id, Some(self.client_secret.expose_secret()))
            .json(&serde_json::json!({ "grant_type": "client_credentials" }))
            .timeout(self.timeout);
        let answer = connection::granted(&grant, http::send(request, self.max_body)).await;
        let succeeded = answer.as_ref().is_ok_and(http::Answer::is_success);
        grant.settle("POST /oauth/token", succeeded);
        let status = answer
            .as_ref()
            .map_or_else(|_| "transport".to_owned(), |answer| answer.status.to_string());
        self.metrics
            .call("POST /oauth/token", "none", &status, started.elapsed());
        let answer = answer.map_err(|error| {
            ClientError::Login(LoginFailure {
                refused: false,
                status: None,
                code: None,
                message: error.to_string(),
                request_id: error.request_id().cloned(),
            })
        })?;
        if answer.status == 429 {
            self.metrics.throttled("oauth");
            self.budget.throttled(answer.retry_after).await;
        }
        read_issued(&answer)
    }
}
