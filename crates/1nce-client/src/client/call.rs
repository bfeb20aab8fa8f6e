//! One call to 1NCE: token, breaker, budget, request, verdict, and repeats where they are allowed.

use std::time::{Duration, Instant};

use backon::Retryable;
use reqwest::Method;
use serde_json::Value;
use tracing::{Instrument, field};

use super::OnceClient;
use crate::capability::Generation;
use crate::connection;
use crate::error::{ClientError, LoginFailure, excerpt};
use crate::http::{self, Answer};
use crate::lane::Lane;
use crate::retry::{self, RetryClass};
use crate::token::Token;
use crate::wire::{Fields, Unreadable, error_body};

/// Endpoints that share a limit (FACTS §3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Group {
    Sims,
    Orders,
    Products,
    Support,
}

impl Group {
    fn word(self) -> &'static str {
        match self {
            Self::Sims => "sims",
            Self::Orders => "orders",
            Self::Products => "products",
            Self::Support => "support",
        }
    }
}

/// An endpoint as the OpenAPI files name it; `name` is the label in metrics and errors.
#[derive(Debug)]
pub(super) struct Endpoint {
    pub name: &'static str,
    pub method: Method,
    pub group: Group,
    pub class: RetryClass,
}

impl Endpoint {
    pub(super) const fn new(name: &'static str, method: Method, group: Group, class: RetryClass) -> Self {
        Self {
            name,
            method,
            group,
            class,
        }
    }

    /// A read of `/sims*`.
    pub(super) const fn sims_get(name: &'static str) -> Self {
        Self::new(name, Method::GET, Group::Sims, RetryClass::Repeatable)
    }

    /// An action on `/sims*` that is never blindly repeated.
    pub(super) const fn sims_action(name: &'static str) -> Self {
        Self::new(name, Method::POST, Group::Sims, RetryClass::Never)
    }
}

/// One call. `path` begins after the version segment.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub endpoint: &'static Endpoint,
    pub lane: Lane,
    pub path: String,
    pub query: Vec<(&'static str, String)>,
    pub body: Option<Value>,
    pub timeout: Option<Duration>,
}

impl Call {
    pub(super) fn new(endpoint: &'static Endpoint, lane: Lane, path: impl Into<String>) -> Self {
        Self {
            endpoint,
            lane,
            path: path.into(),
            query: Vec::new(),
            body: None,
            timeout: None,
        }
    }

    pub(super) fn query(mut self, name: &'static str, value: impl ToString) -> Self {
        self.query.push((name, value.to_string()));
        self
    }

    pub(super) fn body(mut self, body: Value) -> Self {
        self.body = Some(body);
        self
    }
}

impl Answer {
    /// Reads one object; an empty body is `None`, as v1 answers for an unknown card.
    pub(super) fn object<T>(
        &self,
        endpoint: &'static Endpoint,
        read: impl FnOnce(Fields) -> Result<T, Unreadable>,
    ) -> Result<Option<T>, ClientError> {
        if self.is_empty() {
            return Ok(None);
        }
        Fields::parse(&self.body)
            .and_then(read)
            .map(Some)
            .map_err(|reason| self.unreadable(endpoint, reason))
    }

    pub(super) fn unreadable(&self, endpoint: &'static Endpoint, reason: Unreadable) -> ClientError {
        ClientError::Decode {
            endpoint: endpoint.name,
            status: self.status,
            reason: reason.0,
            excerpt: excerpt(&self.body),
            request_id: self.request_id.clone(),
        }
    }
}

/// Whether 1NCE says "Traffic limit of X SMS per month exceeded"; under which 4xx is unconfirmed (FACTS §10, §19).
fn limit_reached(endpoint: &Endpoint, answer: &Answer) -> bool {
    if endpoint.group != Group::Sims || !(400..=499).contains(&answer.status) {
        return false;
    }
    let text = String::from_utf8_lossy(&answer.body).to_ascii_lowercase();
    text.contains("traffic limit of") && text.contains("exceeded")
}

/// What an answer means, whatever the endpoint (FACTS §14).
fn verdict(endpoint: &'static Endpoint, answer: Answer) -> Result<Answer, ClientError> {
    let request_id = answer.request_id.clone();
    let told = || error_body(&answer.body);
    match answer.status {
        200..=299 => Ok(answer),
        _ if limit_reached(endpoint, &answer) => {
            let message = Some(told().message).filter(|text| !text.is_empty());
            Err(ClientError::LimitReached {
                message: message.unwrap_or_else(|| excerpt(&answer.body)),
                request_id,
            })
        }
        401 => Err(ClientError::Unauthorized { request_id }),
        404 => Err(ClientError::NotFound {
            endpoint: endpoint.name,
            request_id,
        }),
        422 if endpoint.group == Group::Sims => Err(ClientError::Expired { request_id }),
        429 => Err(ClientError::Throttled {
            retry_after: answer.retry_after,
            request_id,
        }),
        status @ 400..=499 => {
            let body = told();
            Err(ClientError::Rejected {
                status,
                code: body.code,
                message: body.message,
                request_id,
            })
        }
        // A redirect or 1xx is no answer of this API; a repeat may meet a healthy server.
        status => Err(ClientError::Server {
            status,
            message: told().message,
            request_id,
        }),
    }
}

/// A token, or a failure that says that nothing was sent; whoever fetches it goes on.
async fn in_time(
    until: Option<Instant>,
    token: impl Future<Output = Result<Token, ClientError>>,
) -> Result<Token, ClientError> {
    let Some(until) = until else {
        return token.await;
    };
    let late = |_| {
        Err(ClientError::Login(LoginFailure {
            refused: false,
            status: None,
            code: None,
            message: "1NCE gave no token in the time that this call may wait".to_owned(),
            request_id: None,
        }))
    };
    tokio::time::timeout_at(until.into(), token)
        .await
        .unwrap_or_else(late)
}

impl OnceClient {
    /// Makes a call, with the repeats that its class allows; `version` is the path segment.
    pub(super) async fn call(&self, version: &str, call: &Call) -> Result<Answer, ClientError> {
        let config = &self.inner.config;
        let (endpoint, lane) = (call.endpoint, call.lane);
        let limit = config.lane_max_wait[lane.index()];
        let until = limit.map(|limit| Instant::now() + limit);
        let attempts = (|| self.attempt(version, call, until))
            .retry(retry::schedule(config, endpoint.class, lane))
            .sleep(tokio::time::sleep)
            .when(|error| endpoint.class.allows(error))
            .adjust(|error, delay| retry::adjust(error, delay, limit))
            .notify(|error, delay| {
                self.inner.metrics.retry(endpoint.name);
                tracing::debug!(endpoint = endpoint.name, %error, ?delay, "repeating a call to 1NCE");
            });
        // Boxed: futures of callers, nested this deep, are too much for the compiler.
        Box::pin(attempts.into_future())
            .await
            .map_err(|error| endpoint.class.verdict(endpoint.name, error))
    }

    /// One attempt, and once more with another token after a 401 (FACTS §2): a 401 had no effect at 1NCE. Tokens are
    /// waited for `until` then.
    async fn attempt(
        &self,
        version: &str,
        call: &Call,
        until: Option<Instant>,
    ) -> Result<Answer, ClientError> {
        let tokens = &self.inner.tokens;
        self.wait_for_breaker(version, call).await?;
        let token = in_time(until, tokens.get()).await?;
        match self.send(version, call, &token).await {
            Err(ClientError::Unauthorized { request_id }) => {
                let other = in_time(until, tokens.replace(&token)).await;
                let other = other.map_err(|error| match error {
                    ClientError::Unauthorized { .. } => ClientError::Unauthorized { request_id },
                    error => error,
                })?;
                self.inner.metrics.retry(call.endpoint.name);
                self.send(version, call, &other).await
            }
            result => result,
        }
    }

    /// Waits for breaker and budget, then sends at once: a grant that is used late is worth nothing.
    async fn send(&self, version: &str, call: &Call, token: &Token) -> Result<Answer, ClientError> {
        let span = tracing::info_span!(
            "once.call",
            account = %self.account(),
            method = %call.endpoint.method,
            endpoint = call.endpoint.name,
            generation = version,
            lane = %call.lane,
            status = field::Empty,
            request_id = field::Empty,
        );
        self.send_granted(version, call, token).instrument(span).await
    }

    async fn send_granted(&self, version: &str, call: &Call, token: &Token) -> Result<Answer, ClientError> {
        let inner = &self.inner;
        let budget = self.budget_of(call.endpoint.group);
        let breaker = self.breaker_of(call.endpoint.group, version);
        let (pass, grant) = loop {
            self.wait_for_breaker(version, call).await?;
            let grant = budget.acquire(call.lane).await?;
            match breaker.pass(Instant::now()) {
                Ok(pass) => break (pass, grant),
                Err(retry_in) if call.lane != Lane::Background => {
                    return Err(ClientError::CircuitOpen { retry_in });
                }
                Err(_) => {}
            }
        };
        let started = Instant::now();
        let sending = http::send(self.request(version, call, token), inner.config.max_body);
        let result = connection::granted(&grant, sending).await;
        let took = started.elapsed();
        grant.settle(call.endpoint.name, result.as_ref().is_ok_and(Answer::is_success));
        match &result {
            Ok(answer) if answer.status < 500 => pass.alive(),
            _ => pass.failed(Instant::now()),
        }
        self.record(version, call, &result, took);
        let answer = result?;
        if answer.status == 429 && !limit_reached(call.endpoint, &answer) {
            inner.metrics.throttled(call.endpoint.group.word());
            budget.throttled(answer.retry_after).await;
        }
        verdict(call.endpoint, answer)
    }

    /// A person or a command learns at once that 1NCE is failing; a sweep waits.
    async fn wait_for_breaker(&self, version: &str, call: &Call) -> Result<(), ClientError> {
        let breaker = self.breaker_of(call.endpoint.group, version);
        while let Some(retry_in) = breaker.wait(Instant::now()) {
            if call.lane != Lane::Background {
                return Err(ClientError::CircuitOpen { retry_in });
            }
            tokio::time::sleep(retry_in).await;
        }
        Ok(())
    }

    fn request(&self, version: &str, call: &Call, token: &Token) -> reqwest::RequestBuilder {
        let inner = &self.inner;
        let url = format!("{}/{version}{}", inner.base, call.path);
        let mut request = inner
            .http
            .request(call.endpoint.method.clone(), url)
            .bearer_auth(token.expose())
            .header(reqwest::header::ACCEPT, "application/json")
            .timeout(call.timeout.unwrap_or(inner.config.call_timeout));
        if !call.query.is_empty() {
            request = request.query(&call.query);
        }
        match &call.body {
            Some(body) => request.json(body),
            None => request,
        }
    }

    fn record(&self, version: &str, call: &Call, result: &Result<Answer, ClientError>, took: Duration) {
        let status = match result {
            Ok(answer) => answer.status.to_string(),
            Err(ClientError::Transport { message, .. }) if message.starts_with("timeout") => "timeout".into(),
            Err(_) => "transport".into(),
        };
        self.inner
            .metrics
            .call(call.endpoint.name, version, &status, took);
        let span = tracing::Span::current();
        span.record("status", status.as_str());
        let id = match result {
            Ok(answer) => answer.request_id.as_ref(),
            Err(error) => error.request_id(),
        };
        if let Some(id) = id {
            span.record("request_id", id.0.as_str());
        }
    }

    /// A call of the SIM API in the generation that offers the capability.
    pub(super) async fn sims_call(
        &self,
        capability: crate::capability::Capability,
        make: impl Fn(Generation) -> Call,
    ) -> Result<(Generation, Answer), ClientError> {
        let lane = make(Generation::V2).lane;
        let mut generation = self.generation(capability, lane).await?;
        let mut result = self.call(generation.word(), &make(generation)).await;
        if let Err(error) = &result
            && self.is_retired(generation, error).await
        {
            generation = self.generation(capability, lane).await?;
            result = self.call(generation.word(), &make(generation)).await;
        }
        if result.is_ok() {
            self.inner.generations.seen_alive(generation);
        }
        result.map(|answer| (generation, answer))
    }
}
