use std::time::{Duration, Instant};

use async_nats::HeaderMap;
use async_nats::client::PublishErrorKind;
use async_nats::service::Request;
use messages::ErrorCode;
use prost::Message;
use tracing::Instrument;

use super::rpc_client::{ERROR_HEADER, RpcError};
use super::rpc_context::RpcContext;
use super::rpc_server::Handler;
use crate::metrics::Metrics;
use crate::telemetry::follow_trace;

/// Longest wait to hand an answer to the connection.
const SEND_LIMIT: Duration = Duration::from_secs(5);

/// Answers the calls of one method, and measures them.
pub(super) struct Answer {
    service: &'static str,
    method: &'static str,
    metrics: Metrics,
    seconds: metrics::Histogram,
}

const TOO_LARGE: &str = "the answer is too large to send";

impl Answer {
    pub(super) fn new(metrics: &Metrics, service: &'static str, method: &'static str) -> Self {
        let seconds = metrics.histogram("simward_rpc_seconds", &[("service", service), ("method", method)]);
        Self {
            service,
            method,
            metrics: metrics.clone(),
            seconds,
        }
    }

    /// Has the handler answer the request, for as long as the caller waits.
    pub(super) async fn handle(&self, request: Request, context: RpcContext, handler: &Handler) {
        let started = Instant::now();
        let headers = request.message.headers.as_ref();
        let span = tracing::info_span!(
            "rpc.serve", service = self.service, method = self.method, request_id = %context.request_id
        );
        follow_trace(&span, headers);
        let outcome = async {
            let remaining = context.remaining();
            let work = handler(request.message.payload.clone(), context)?;
            tokio::time::timeout(remaining, work).await.unwrap_or_else(|_| {
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
    pub(super) fn refused(&self, reason: &'static str) {
        let labels = [
            ("service", self.service),
            ("method", self.method),
            ("reason", reason),
        ];
        self.metrics
            .counter("simward_rpc_refused_total", &labels)
            .increment(1);
    }

    pub(super) async fn respond(&self, request: &Request, outcome: Result<Vec<u8>, RpcError>) {
        let (payload, headers) = encode(outcome);
        let size = payload.len();
        let Err(error) = send(request, payload, headers).await else {
            return;
        };
        if error == Some(PublishErrorKind::MaxPayloadExceeded) {
            tracing::error!(service = self.service, method = self.method, size, TOO_LARGE);
            let (payload, headers) = encode(Err(RpcError::new(ErrorCode::Internal, TOO_LARGE)));
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

fn encode(outcome: Result<Vec<u8>, RpcError>) -> (Vec<u8>, HeaderMap) {
    let mut headers = HeaderMap::new();
    let payload = outcome.unwrap_or_else(|error| {
        headers.insert(ERROR_HEADER, error.code.word());
        error.to_wire().encode_to_vec()
    });
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
