use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_nats::HeaderMap;
use async_nats::service::endpoint::Endpoint;
use async_nats::service::{Request, Service, ServiceExt};
use futures_util::StreamExt;
use messages::pb::common::{HealthRequest, HealthResponse};
use messages::{ErrorCode, RpcMethod};
use prost::Message;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tracing::Instrument;

use super::rpc_client::{DEADLINE_HEADER, ERROR_HEADER, REQUEST_ID_HEADER, RpcError};
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
const DEFAULT_DEADLINE: Duration = Duration::from_secs(10);

/// What a handler knows about its caller.
#[derive(Debug, Clone)]
pub struct RpcContext {
    /// The id of the request that a person made; empty when none did.
    pub request_id: String,
    /// When the caller stops waiting.
    pub deadline: Instant,
}

impl RpcContext {
    /// What is left until the caller stops waiting.
    pub fn remaining(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }
}

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
            loop {
                let request = tokio::select! {
                    () = shutdown.started() => break,
                    request = endpoint.next() => request,
                };
                let Some(request) = request else { break };
                if !is_call(&request) {
                    tracing::warn!(service = name, method, "a message that is no call was dropped");
                    continue;
                }
                let context = context_of(request.message.headers.as_ref(), Instant::now());
                let (handler, answer, turns) = (Arc::clone(&handler), Arc::clone(&answer), turns.clone());
                shutdown.spawn(async move {
                    match turns.take(context.deadline).await {
                        Some(_turn) => answer.handle(request, context, &*handler).await,
                        None => respond::<Resp>(&request, Err(busy())).await,
                    }
                });
            }
            endpoint.stop().await.ignored("leaving the queue group");
            drop(service);
        });
    }
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
        respond(&request, outcome).await;
    }
}

async fn respond<Resp: Message>(request: &Request, outcome: Result<Resp, RpcError>) {
    let mut headers = HeaderMap::new();
    let payload = match outcome {
        Ok(response) => response.encode_to_vec(),
        Err(error) => {
            headers.insert(ERROR_HEADER, error.code.word());
            error.to_wire().encode_to_vec()
        }
    };
    request
        .respond_with_headers(Ok(payload.into()), headers)
        .await
        .ignored("answering a request");
}

/// A call carries a deadline. What JetStream delivers on request of a read-only login does not: such a login can name
/// any subject as its consumer's, and must not reach a service that way.
fn is_call(request: &Request) -> bool {
    request
        .message
        .headers
        .as_ref()
        .is_some_and(|headers| headers.get(DEADLINE_HEADER).is_some())
}

fn context_of(headers: Option<&HeaderMap>, now: Instant) -> RpcContext {
    let text = |name: &str| {
        headers
            .and_then(|headers| headers.get(name))
            .map(|value| value.as_str())
    };
    let allowed = text(DEADLINE_HEADER)
        .and_then(|value| value.parse().ok())
        .map_or(DEFAULT_DEADLINE, Duration::from_millis);
    let request_id = text(REQUEST_ID_HEADER).unwrap_or_default().to_owned();
    RpcContext {
        request_id,
        deadline: now + allowed.min(Duration::from_secs(120)),
    }
}
