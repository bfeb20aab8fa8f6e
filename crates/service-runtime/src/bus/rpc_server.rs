use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_nats::service::endpoint::Endpoint;
use async_nats::service::{Request, Service, ServiceExt};
use bytes::Bytes;
use chrono::Utc;
use futures_util::StreamExt;
use messages::{ErrorCode, RpcMethod, RpcService};
use prost::Message;
use tokio::sync::oneshot;
use tracing::Instrument;

use super::rpc_answer::Answer;
use super::rpc_client::RpcError;
use super::rpc_context::{RpcContext, is_call};
use super::rpc_handler::RpcHandler;
use super::turns::{CallTurn, MAX_IN_FLIGHT, Turns, busy};
use super::{Bus, BusError};
use crate::health::Health;
use crate::ignored::Ignored;
use crate::metrics::Metrics;
use crate::shutdown::Shutdown;

/// Longest wait for the connection to take the wish for no more calls.
const LEAVE_LIMIT: Duration = Duration::from_secs(5);
/// Answered by the server itself.
const HEALTH: &str = "health";

/// The work on one request, to the encoded answer.
type Work = Pin<Box<dyn Future<Output = Result<Vec<u8>, RpcError>> + Send>>;
/// Takes an encoded request; fails when it does not decode.
pub(super) type Handler = Box<dyn Fn(Bytes, RpcContext) -> Result<Work, RpcError> + Send + Sync>;

/// Answers the methods of the service `S`, as one member of its queue group. Collects them first: nothing is answered
/// before [`RpcServer::start`]. Every handler gets the app by value.
pub struct RpcServer<S, A> {
    app: A,
    bus: Bus,
    metrics: Metrics,
    shutdown: Shutdown,
    methods: Vec<(&'static str, Handler, Turns)>,
    reads: Turns,
    /// Of calls that wait for others; reads never wait behind them.
    actions: Turns,
    service: PhantomData<fn() -> S>,
}

impl<S: RpcService, A: Clone + Send + Sync + 'static> RpcServer<S, A> {
    /// A server that answers `health` and nothing else yet.
    pub fn new(bus: &Bus, app: A, health: Health, metrics: Metrics, shutdown: Shutdown) -> Self {
        let report = move |_: Bytes, _: RpcContext| {
            let health = health.clone();
            Ok(Box::pin(async move { Ok(health.report().await.encode_to_vec()) }) as Work)
        };
        Self {
            app,
            bus: bus.clone(),
            metrics,
            shutdown,
            // Health has turns of its own: it must answer when everything else is busy.
            methods: vec![(HEALTH, Box::new(report), Turns::new(MAX_IN_FLIGHT))],
            reads: Turns::new(MAX_IN_FLIGHT),
            actions: Turns::new(MAX_IN_FLIGHT),
            service: PhantomData,
        }
    }

    /// Works on so many reads at the same time, as what they stand on can serve; for the methods that follow.
    #[must_use]
    pub fn reading_at_most(mut self, reads: usize) -> Self {
        self.reads = Turns::new(reads);
        self
    }

    /// Answers a method that reads what the service holds. A handler that may wait for others longer than that says so by
    /// [`RpcContext::waits_for_others`].
    pub fn method<M, F, H>(&mut self, _method: M, handler: H) -> &mut Self
    where
        M: RpcMethod<Service = S>,
        H: RpcHandler<A, M, F>,
    {
        let app = self.app.clone();
        let handler = move |payload: Bytes, context: RpcContext| {
            let work = handler.answer(app.clone(), decode::<M>(payload)?, context);
            Ok(Box::pin(async move { Ok(work.await?.encode_to_vec()) }) as Work)
        };
        self.add(M::METHOD, Box::new(handler), self.reads.clone())
    }

    /// Answers a method that acts on the world: it goes on to its end when the caller stops waiting.
    pub fn action<M, F, H>(&mut self, _method: M, handler: H) -> &mut Self
    where
        M: RpcMethod<Service = S>,
        H: RpcHandler<A, M, F>,
    {
        let (app, tasks) = (self.app.clone(), self.shutdown.clone());
        let handler = move |payload: Bytes, context: RpcContext| {
            let work = handler.answer(app.clone(), decode::<M>(payload)?, context);
            let tasks = tasks.clone();
            // Begun only when the answer is waited for, in the span of the call.
            Ok(Box::pin(async move {
                to_the_end::<M>(work, &tasks)
                    .await
                    .map(|answer| answer.encode_to_vec())
            }) as Work)
        };
        self.add(M::METHOD, Box::new(handler), self.actions.clone())
    }

    fn add(&mut self, method: &'static str, handler: Handler, turns: Turns) -> &mut Self {
        self.methods.push((method, handler, turns));
        self
    }

    /// Registers the service, which `nats micro ls` shows, and begins to answer.
    ///
    /// # Errors
    /// [`BusError::Unserved`] when a declared method is not served or one is served twice; or when NATS refuses a
    /// subscription.
    pub async fn start(self) -> Result<(), BusError> {
        let served: Vec<&str> = self.methods.iter().map(|(method, ..)| *method).collect();
        let times = |method: &&&str| served.iter().filter(|served| *served == *method).count();
        let wrong: Vec<&str> = S::METHODS
            .iter()
            .filter(|method| times(method) != 1)
            .copied()
            .collect();
        if !wrong.is_empty() {
            return Err(BusError::Unserved {
                service: S::NAME,
                methods: wrong.join(", "),
            });
        }
        self.start_partly().await
    }

    /// The same for a part of the service, as a test plays it.
    ///
    /// # Errors
    /// When NATS refuses a subscription.
    pub async fn start_partly(self) -> Result<(), BusError> {
        let service = self
            .bus
            .client()
            .service_builder()
            .queue_group(S::NAME)
            .start(format!("simward-{}", S::NAME), env!("CARGO_PKG_VERSION"))
            .await
            .map_err(|error| subscribe_error(S::NAME, &error))?;
        let service = Arc::new(service);
        for (method, handler, turns) in self.methods {
            let subject = self.bus.subjects().rpc(S::NAME, method);
            let endpoint = service.endpoint_builder().name(method).add(subject.clone());
            let endpoint = endpoint
                .await
                .map_err(|error| subscribe_error(&subject, &error))?;
            let served = Served {
                // Dropping the service ends its endpoints.
                _service: Arc::clone(&service),
                name: S::NAME,
                method,
                handler: Arc::new(handler),
                answer: Arc::new(Answer::new(&self.metrics, S::NAME, method)),
                turns,
                actions: self.actions.clone(),
            };
            let shutdown = self.shutdown.clone();
            self.shutdown
                .spawn(async move { served.run(endpoint, &shutdown).await });
        }
        Ok(())
    }
}

fn decode<M: RpcMethod>(payload: Bytes) -> Result<M::Request, RpcError> {
    M::Request::decode(payload)
        .map_err(|_| RpcError::new(ErrorCode::Validation, "the request does not decode"))
}

async fn to_the_end<M: RpcMethod>(
    work: impl Future<Output = Result<M::Response, RpcError>> + Send + 'static,
    tasks: &Shutdown,
) -> Result<M::Response, RpcError> {
    let (done, outcome) = oneshot::channel();
    let to_the_end = async move {
        if done.send(work.await).is_err() {
            tracing::warn!(
                method = M::METHOD,
                "the caller stopped waiting for an action that is done now"
            );
        }
    };
    tasks.spawn(to_the_end.in_current_span());
    let unknown = || RpcError::new(ErrorCode::Unavailable, "the outcome of the action is unknown");
    outcome.await.unwrap_or_else(|_| Err(unknown()))
}

/// One method that is answered.
struct Served {
    _service: Arc<Service>,
    name: &'static str,
    method: &'static str,
    handler: Arc<Handler>,
    answer: Arc<Answer>,
    turns: Turns,
    actions: Turns,
}

impl Served {
    async fn run(&self, mut endpoint: Endpoint, shutdown: &Shutdown) {
        while let Some(request) = next(&mut endpoint, shutdown).await {
            let (service, method) = (self.name, self.method);
            if !is_call(&request) {
                tracing::warn!(service, method, "a message that is no call was dropped");
                continue;
            }
            let headers = request.message.headers.as_ref();
            let now = (Instant::now(), Utc::now().timestamp_millis());
            let turn = CallTurn::new(&self.actions);
            let Some(context) = RpcContext::of(headers, now.0, now.1, turn) else {
                tracing::warn!(service, method, "a call came after its caller gave up: dropped");
                self.answer.refused("expired");
                continue;
            };
            let (handler, answer, turns) = (
                Arc::clone(&self.handler),
                Arc::clone(&self.answer),
                self.turns.clone(),
            );
            shutdown.spawn(async move {
                let turn = context.turn.clone();
                if turn.take(&turns, context.deadline).await {
                    answer.handle(request, context, &handler).await;
                    turn.end();
                } else {
                    answer.refused("busy");
                    answer.respond(&request, Err(busy())).await;
                }
            });
        }
    }
}

/// The next call; at the end of the process those that were delivered before we left the queue group, then `None`.
async fn next(endpoint: &mut Endpoint, shutdown: &Shutdown) -> Option<Request> {
    if let Some(request) = shutdown.or(endpoint.next()).await {
        return request;
    }
    // A second time, this does nothing.
    let left = tokio::time::timeout(LEAVE_LIMIT, endpoint.stop()).await.ok()?;
    left.ignored("leaving the queue group");
    endpoint.next().await
}

fn subscribe_error(what: &str, error: &dyn std::fmt::Display) -> BusError {
    BusError::Subscribe {
        what: what.to_owned(),
        reason: error.to_string(),
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
