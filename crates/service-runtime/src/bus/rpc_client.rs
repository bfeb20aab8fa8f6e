use std::time::{Duration, Instant};

use async_nats::HeaderMap;
use async_nats::client::RequestErrorKind;
use chrono::Utc;
use domain::Refusal;
use messages::pb::common::{FieldError, RpcError as WireError};
use messages::{ErrorCode, RpcMethod};
use prost::Message;
use tracing::Instrument;

use super::Bus;
use crate::db::is_passing;
use crate::telemetry::inject_trace;

/// Milliseconds that the caller still waits.
pub(super) const DEADLINE_HEADER: &str = "simward-deadline-ms";
/// When the caller stops waiting: milliseconds since 1970, UTC, by its own clock. Tells a call that lay somewhere.
pub(super) const EXPIRES_HEADER: &str = "simward-expires-ms";
/// The id of the request that a person made.
pub(super) const REQUEST_ID_HEADER: &str = "simward-request-id";
/// Present on an answer that is an error; its value is the code's word.
pub(super) const ERROR_HEADER: &str = "simward-error";

/// How long a call waits for a lost connection, within its deadline: a reconnect is quick when the server runs.
const RECONNECT_GRACE: Duration = Duration::from_secs(1);

/// What a service answers instead of a response.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {message}", code.word())]
pub struct RpcError {
    /// One of the closed list.
    pub code: ErrorCode,
    /// Safe to show to the person who asked.
    pub message: String,
    /// Field and reason, for [`ErrorCode::Validation`].
    pub fields: Vec<(String, String)>,
    /// When asking again makes sense.
    pub retry_after: Option<Duration>,
}

impl RpcError {
    /// An error without further detail.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            fields: Vec::new(),
            retry_after: None,
        }
    }

    /// A thing that does not exist, or not for this caller.
    pub fn not_found(what: &str) -> Self {
        Self::new(ErrorCode::NotFound, format!("{what} does not exist"))
    }

    /// One field that was not accepted.
    pub fn field(field: &str, reason: impl Into<String>) -> Self {
        Self::fields(vec![(field.to_owned(), reason.into())])
    }

    /// Fields that were not accepted.
    pub fn fields(fields: Vec<(String, String)>) -> Self {
        Self {
            fields,
            ..Self::new(ErrorCode::Validation, "the request has invalid fields")
        }
    }

    /// A fault of ours: the details go to the log, not to the caller.
    pub fn internal(error: &dyn std::fmt::Display) -> Self {
        tracing::error!(%error, "internal error");
        Self::new(ErrorCode::Internal, "an internal error happened")
    }

    /// A failure of the database: one that may pass is told as such, any other is a fault of ours.
    pub fn database(error: &sqlx::Error) -> Self {
        if !is_passing(error) {
            return Self::internal(error);
        }
        tracing::warn!(%error, "the database does not answer");
        Self::new(ErrorCode::Unavailable, "the database does not answer")
    }

    pub(super) fn to_wire(&self) -> WireError {
        let fields = self.fields.iter();
        WireError {
            code: self.code.word().to_owned(),
            message: self.message.clone(),
            fields: fields
                .map(|(field, reason)| FieldError {
                    field: field.clone(),
                    reason: reason.clone(),
                })
                .collect(),
            retry_after_seconds: self
                .retry_after
                .map_or(0, |time| time.as_secs().max(1).try_into().unwrap_or(u32::MAX)),
        }
    }

    fn from_wire(wire: WireError) -> Self {
        Self {
            code: ErrorCode::from_word(&wire.code),
            message: wire.message,
            fields: wire
                .fields
                .into_iter()
                .map(|field| (field.field, field.reason))
                .collect(),
            retry_after: (wire.retry_after_seconds > 0)
                .then(|| Duration::from_secs(wire.retry_after_seconds.into())),
        }
    }
}

impl From<Refusal> for RpcError {
    fn from(refusal: Refusal) -> Self {
        Self {
            retry_after: refusal.retry_after,
            ..Self::new(refusal.code, refusal.message)
        }
    }
}

impl Bus {
    /// Asks a service and waits at most `deadline`, which travels with the request.
    ///
    /// # Errors
    /// The service's own error; [`ErrorCode::Unavailable`] when no instance listens or NATS is away, so nothing was sent;
    /// [`ErrorCode::DeadlineExceeded`] when none answered in time, so the outcome is unknown.
    pub async fn call<M: RpcMethod>(
        &self,
        request: &M::Request,
        deadline: Duration,
        request_id: &str,
    ) -> Result<M::Response, RpcError> {
        let span = tracing::info_span!("rpc.call", service = M::SERVICE, method = M::METHOD);
        // The client's own timeout begins only when the request has left its queue, which may be never.
        tokio::time::timeout(deadline, self.call_in_span::<M>(request, deadline, request_id))
            .instrument(span)
            .await
            .unwrap_or_else(|_| Err(late()))
    }

    async fn call_in_span<M: RpcMethod>(
        &self,
        request: &M::Request,
        deadline: Duration,
        request_id: &str,
    ) -> Result<M::Response, RpcError> {
        let unavailable = || {
            RpcError::new(
                ErrorCode::Unavailable,
                format!("{}-service does not answer", M::SERVICE),
            )
        };
        let began = Instant::now();
        let grace = RECONNECT_GRACE.min(deadline / 2);
        self.connected(grace).await.map_err(|_| unavailable())?;
        let left = deadline.saturating_sub(began.elapsed());
        let message = async_nats::Request::new()
            .payload(request.encode_to_vec().into())
            .headers(headers(left, request_id))
            .timeout(Some(left));
        let subject = self.subjects().rpc(M::SERVICE, M::METHOD);
        let reply = self
            .client()
            .send_request(subject, message)
            .await
            .map_err(|error| match error.kind() {
                RequestErrorKind::TimedOut => late(),
                RequestErrorKind::MaxPayloadExceeded => RpcError::internal(&error),
                _ => unavailable(),
            })?;
        let is_error = reply
            .headers
            .as_ref()
            .is_some_and(|headers| headers.get(ERROR_HEADER).is_some());
        if is_error {
            let wire = WireError::decode(reply.payload).map_err(|error| RpcError::internal(&error))?;
            return Err(RpcError::from_wire(wire));
        }
        M::Response::decode(reply.payload).map_err(|error| RpcError::internal(&error))
    }
}

fn late() -> RpcError {
    RpcError::new(ErrorCode::DeadlineExceeded, "the service did not answer in time")
}

fn headers(left: Duration, request_id: &str) -> HeaderMap {
    let allowed = i64::try_from(left.as_millis()).unwrap_or(i64::MAX);
    let expires = Utc::now().timestamp_millis().saturating_add(allowed);
    let mut headers = HeaderMap::new();
    headers.insert(DEADLINE_HEADER, allowed.to_string().as_str());
    headers.insert(EXPIRES_HEADER, expires.to_string().as_str());
    headers.insert(REQUEST_ID_HEADER, request_id);
    inject_trace(&mut headers);
    headers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_survives_the_wire() {
        let error = RpcError {
            retry_after: Some(Duration::from_secs(3)),
            ..RpcError::fields(vec![("label".into(), "is too long".into())])
        };
        assert_eq!(RpcError::from_wire(error.to_wire()), error);
    }
}
