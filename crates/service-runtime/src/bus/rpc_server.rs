use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_nats::HeaderMap;
use async_nats::client::PublishErrorKind;
use async_nats::service::endpoint::Endpoint;
use async_nats::service::{Request, Service, ServiceExt};
use chrono::Utc;
use futures_util::StreamExt;
use messages::pb::common::{HealthRequest, HealthResponse};
use messages::{ErrorCode, RpcMethod};
use prost::Message;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tracing::Instrument;

use super::rpc_client::{ERROR_HEADER, RpcError};
use super::rpc_context::{RpcContext, is_call};
use super::{Bus, BusError};
use crate::health::Health;
use crate::ignored::Ignored;
use crate::metrics::Metrics;
use crate::shutdown::Shutdown;
use crate::telemetry::follow_trace;

/// Requests that one service instance works on at the same time.
const MAX_IN_FLIGHT: usize = 256;
/// Requests that wait for their turn, each no longer than its caller waits; more are refused at once.
const MAX_WAITING: usize = 4096;
/// Longest wait to hand an answer, or the wish for no more calls, to the connection.
const SEND_LIMIT: Duration = Duration::from_secs(5);

/// Answers the methods of one service, as one member of its queue group.
pub struct RpcServer {
    bus: Bus,
    service: Arc<Service>,
    name: &'static str,
    metrics: Metrics,
    shutdown: Shutdown,
    turns: Turns,
}

/// Who may work now, and who may wait for that.
#[derive(Clone)]
struct Turns {
    working: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
}

impl Turns {
    fn new() -> Self {
        Self {
            working: Arc::new(Semaphore::new(MAX_IN_FLIGHT)),
            waiting: Arc::new(Semaphore::new(MAX_WAITING)),
        }
    }

    /// A turn before the caller stops waiting; `None` when there is none.
    async fn take(&self, deadline: Instant) -> Option<OwnedSemaphorePermit> {
        let _place = self.waiting.try_acquire().ok()?;
        let turn = Arc::clone(&self.working).acquire_owned();
        tokio::time::timeout_at(deadline.into(), turn).await.ok()?.ok()
    }
}

impl RpcServer {
    /// Registers the service, which `nats micro ls` shows, and answers its `health` method.
    ///
    /// # Errors
    /// When NATS refuses a subscription.
    pub async fn start(
        bus: &Bus,
        name: &'static str,
        health: Health,
        metrics: Metrics,
        shutdown: Shutdown,
    ) -> Result<Self, BusError> {
        let service = bus
            .client()
            .service_builder()
            .queue_group(name)
            .start(format!("simward-{name}"), env!("CARGO_PKG_VERSION"))
            .await
            .map_err(|error| subscribe_error(name, &error))?;
        let server = Self {
            bus: bus.clone(),
            service: Arc::new(service),
            name,
            metrics,
            shutdown,
            turns: Turns::new(),
        };
        let endpoint = server.endpoint("health").await?;
        // Health has turns of its own: it must answer when everything else is busy.
        server.serve::<HealthRequest, HealthResponse, _, _>("health", endpoint, Turns::new(), move |_, _| {
            let health = health.clone();
            async move { Ok(health.report().await) }
        });
        Ok(server)
    }

    /// Answers one method.
    ///
    /// # Errors
    /// When NATS refuses the subscription.
    pub async fn method<M, H, F>(&self, _method: M, handler: H) -> Result<(), BusError>
    where
        M: RpcMethod,
        H: Fn(M::Request, RpcContext) -> F + Send + Sync + 'static,
        F: Future<Output = Result<M::Response, RpcError>> + Send + 'static,
    {
        let endpoint = self.endpoint(M::METHOD).await?;
        self.serve(M::METHOD, endpoint, self.turns.clone(), handler);
        Ok(())
    }

    /// Answers a method that acts on the world: it goes on to its end when the caller stops waiting.
    ///
    /// # Errors
    /// When NATS refuses the subscription.
    pub async fn action<M, H, F>(&self, method: M, handler: H) -> Result<(), BusError>
    where
        M: RpcMethod,
        H: Fn(M::Request, RpcContext) -> F + Send + Sync + 'static,
        F: Future<Output = Result<M::Response, RpcError>> + Send + 'static,
    {
        let tasks = self.shutdown.clone();
        self.method(method, move |request, context| {
            let (done, outcome) = oneshot::channel();
            let work = handler(request, context);
            let to_the_end = async move {
                if done.send(work.await).is_err() {
                    tracing::warn!(
                        method = M::METHOD,
                        "the caller stopped waiting for an action that is done now"
                    );
                }
            };
            tasks.spawn(to_the_end.in_current_span());
            async move {
                let unknown =
                    || RpcError::new(ErrorCode::Unavailable, "the outcome of the action is unknown");
                outcome.await.unwrap_or_else(|_| Err(unknown()))
            }
        })
        .await
    }

    async fn endpoint(&self, method: &'static str) -> Result<Endpoint, BusError> {
        let subject = self.bus.subjects().rpc(self.name, method);
        self.service
            .endpoint_builder()
            .name(method)
            .add(subject.clone())
            .await
            .map_err(|error| subscribe_error(&subject, &error))
    }

    fn serve<Req, Resp, H, F>(&self, method: &'static str, mut endpoint: Endpoint, turns: Turns, handler: H)
    where
        Req: Message + Default + Send + 'static,
        Resp: Message + Send + 'static,
        H: Fn(Req, RpcContext) -> F + Send + Sync + 'static,
        F: Future<Output = Result<Resp, RpcError>> + Send + 'static,
    {
        let handler = Arc::new(handler);
        let (shutdown, name) = (self.shutdown.clone(), self.name);
        // Dropping the service ends its endpoints.
        let service = Arc::clone(&self.service);
        let answer = Arc::new(Answer::new(&self.metrics, name, method));
        self.shutdown.spawn(async move {
            while let Some(request) = next(&mut endpoint, &shutdown).await {
                if !is_call(&request) {
                    tracing::warn!(service = name, method, "a message that is no call was dropped");
                    continue;
                }
                let headers = request.message.headers.as_ref();
                let Some(context) = RpcContext::of(headers, Instant::now(), Utc::now().timestamp_millis())
                else {
                    tracing::warn!(
                        service = name,
                        method,
                        "a call came after its caller gave up: dropped"
                    );
                    answer.refused("expired");
                    continue;
                };
                let (handler, answer, turns) = (Arc::clone(&handler), Arc::clone(&answer), turns.clone());
                shutdown.spawn(async move {
                    match turns.take(context.deadline).await {
                        Some(_turn) => answer.handle(request, context, &*handler).await,
                        None => {
                            answer.refused("busy");
                            answer.respond::<Resp>(&request, Err(busy())).await;
                        }
                    }
                });
            }
            drop(service);
        });
    }
}

/// The next call; at the end of the process those that were delivered before we left the queue group, then `None`.
async fn next(endpoint: &mut Endpoint, shutdown: &Shutdown) -> Option<Request> {
    if let Some(request) = shutdown.or(endpoint.next()).await {
        return request;
    }
    // A second time, this does nothing.
    let left = tokio::time::timeout(SEND_LIMIT, endpoint.stop()).await.ok()?;
    left.ignored("leaving the queue group");
    endpoint.next().await
}

fn busy() -> RpcError {
    RpcError::new(ErrorCode::Unavailable, "the service is busy")
}

fn subscribe_error(what: &str, error: &dyn std::fmt::Display) -> BusError {
    BusError::Subscribe {
        what: what.to_owned(),
        reason: error.to_string(),
    }
}

struct Answer {
    service: &'static str,
    method: &'static str,
    metrics: Metrics,
    seconds: metrics::Histogram,
}

const TOO_LARGE: &str = "the answer is too large to send";

impl Answer {
    fn new(metrics: &Metrics, service: &'static str, method: &'static str) -> Self {
        let seconds = metrics.histogram("simward_rpc_seconds", &[("service", service), ("method", method)]);
        Self {
            service,
            method,
            metrics: metrics.clone(),
            seconds,
        }
    }

    async fn handle<Req, Resp, H, F>(&self, request: Request, context: RpcContext, handler: &H)
    where
        Req: Message + Default,
        Resp: Message,
        H: Fn(Req, RpcContext) -> F,
        F: Future<Output = Result<Resp, RpcError>>,
    {
        let started = Instant::now();
        let headers = request.message.headers.as_ref();
        let span = tracing::info_span!(
            "rpc.serve", service = self.service, method = self.method, request_id = %context.request_id
        );
        follow_trace(&span, headers);
        let outcome = async {
            let decoded = Req::decode(request.message.payload.clone())
                .map_err(|_| RpcError::new(ErrorCode::Validation, "the request does not decode"))?;
            let remaining = context.remaining();
            tokio::time::timeout(remaining, handler(decoded, context))
                .await
                .unwrap_or_else(|_| {
                    Err(RpcError::new(
                        ErrorCode::DeadlineExceeded,
                        "not done before the deadline",
                    ))
                })
        }
        .instrument(span)
        .await;
        self.seconds.record(started.elapsed().as_secs_f64());
        let code = outcome.as_ref().map_or_else(|error| error.code.word(), |_| "OK");
        let labels = [("service", self.service), ("method", self.method), ("code", code)];
        self.metrics.counter("simward_rpc_total", &labels).increment(1);
        self.respond(&request, outcome).await;
    }

    /// Counts a call that no handler saw.
    fn refused(&self, reason: &'static str) {
        let labels = [
            ("service", self.service),
            ("method", self.method),
            ("reason", reason),
        ];
        self.metrics
            .counter("simward_rpc_refused_total", &labels)
            .increment(1);
    }

    async fn respond<Resp: Message>(&self, request: &Request, outcome: Result<Resp, RpcError>) {
        let (payload, headers) = encode(&outcome);
        let size = payload.len();
        let Err(error) = send(request, payload, headers).await else {
            return;
        };
        if error == Some(PublishErrorKind::MaxPayloadExceeded) {
            tracing::error!(service = self.service, method = self.method, size, TOO_LARGE);
            let (payload, headers) = encode::<Resp>(&Err(RpcError::new(ErrorCode::Internal, TOO_LARGE)));
            if send(request, payload, headers).await.is_ok() {
                return;
            }
        }
        tracing::warn!(
            service = self.service,
            method = self.method,
            ?error,
            "a request stays without an answer"
        );
    }
}

fn encode<Resp: Message>(outcome: &Result<Resp, RpcError>) -> (Vec<u8>, HeaderMap) {
    let mut headers = HeaderMap::new();
    let payload = match outcome {
        Ok(response) => response.encode_to_vec(),
        Err(error) => {
            headers.insert(ERROR_HEADER, error.code.word());
            error.to_wire().encode_to_vec()
        }
    };
    (payload, headers)
}

/// Hands an answer to the connection; an error without a kind is one of time.
async fn send(
    request: &Request,
    payload: Vec<u8>,
    headers: HeaderMap,
) -> Result<(), Option<PublishErrorKind>> {
    let sent = request.respond_with_headers(Ok(payload.into()), headers);
    match tokio::time::timeout(SEND_LIMIT, sent).await {
        Ok(outcome) => outcome.map_err(|error| Some(error.kind())),
        Err(_) => Err(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bus::connect_client;
    use crate::config::NatsConfig;

    #[tokio::test]
    async fn calls_that_were_delivered_before_the_end_are_still_taken() {
        let nats = NatsConfig {
            url: std::env::var("TEST_NATS_URL").unwrap().into(),
            prefix: String::new(),
            connect_timeout_ms: 5000,
            stream_replicas: 1,
            max_stream_mb: 1,
        };
        let subject = format!("end.{}", uuid::Uuid::new_v4().simple());
        let client = connect_client(&nats, "test", "_INBOX").await.unwrap();
        let service = client.service_builder().start("test", "1.0.0").await.unwrap();
        let mut endpoint = service.endpoint(&subject).await.unwrap();
        for place in 0..3_u8 {
            let payload = vec![place].into();
            client.publish(subject.clone(), payload).await.unwrap();
        }
        // Comes back behind the three, so they are delivered.
        let mut behind = client.subscribe(format!("{subject}.behind")).await.unwrap();
        client
            .publish(format!("{subject}.behind"), "".into())
            .await
            .unwrap();
        behind.next().await.unwrap();

        let shutdown = Shutdown::new();
        shutdown.start();

        let mut taken = Vec::new();
        while let Some(request) = next(&mut endpoint, &shutdown).await {
            taken.extend(request.message.payload);
        }
        assert_eq!(taken, [0, 1, 2]);
    }
}
