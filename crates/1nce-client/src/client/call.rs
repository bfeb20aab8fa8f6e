//! One call to 1NCE: token, breaker, budget, request, verdict, and repeats where they are allowed.

use std::time::{Duration, Instant};

use backon::Retryable;
use reqwest::header::{ACCEPT, CONTENT_LENGTH};
use tracing::{Instrument, field};

use super::OnceClient;
pub(super) use super::endpoint::{Call, Endpoint, Group};
use super::verdict::{limit_reached, verdict};
use crate::connection;
use crate::error::{ClientError, LoginFailure};
use crate::http::{self, Answer};
use crate::lane::Lane;
use crate::retry::{self, RetryClass};
use crate::token::Token;

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
            Err(ClientError::Unauthorized { request_id }) if !call.keeps_token => {
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
            // A device that the visited network does not reach is no failure of 1NCE.
            _ if call.endpoint.class == RetryClass::Single => drop(pass),
            _ => pass.failed(Instant::now()),
        }
        self.record(version, call, &result, took);
        let answer = result?;
        if answer.status == 429 && !limit_reached(call.endpoint, &answer) {
            inner.metrics.throttled(call.endpoint.group.word());
            budget.throttled(answer.retry_after).await;
        }
        verdict(call.endpoint, version, answer)
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
            .header(ACCEPT, "application/json")
            .timeout(call.timeout.unwrap_or(inner.config.call_timeout));
        if !call.query.is_empty() {
            request = request.query(&call.query);
        }
        match &call.body {
            Some(body) => request.json(body),
            // Some gateways answer 411 to an action that does not say that it has no body.
            None if !call.endpoint.is_read() => request.header(CONTENT_LENGTH, 0),
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
}
