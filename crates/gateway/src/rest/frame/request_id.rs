use std::net::IpAddr;
use std::sync::Arc;

use actix_web::http::header::{HeaderMap, HeaderName, X_FORWARDED_FOR};
use actix_web::{HttpMessage, HttpRequest};
use chrono::Utc;
use domain::Iccid;
use service_runtime::telemetry::{follow_trace, trace_id};
use tracing::Span;
use uuid::Uuid;

use super::trace::{self, TraceId};
use crate::app::Gateway;
use crate::error::{ApiCode, ApiError};

pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const LONGEST_ID: usize = 64;

/// The id of a request, in its extensions from the first moment.
#[derive(Debug, Clone)]
pub struct RequestId(pub Arc<str>);

impl RequestId {
    /// The client's own id when it has at most 64 visible ASCII characters, otherwise a new one.
    pub fn of(headers: &HeaderMap) -> Self {
        let given = headers.get(X_REQUEST_ID).and_then(|value| value.to_str().ok());
        let fits =
            |id: &&str| (1..=LONGEST_ID).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_graphic());
        match given.filter(fits) {
            Some(id) => Self(id.into()),
            None => {
                let mut text = Uuid::encode_buffer();
                Self((&*made().as_hyphenated().encode_lower(&mut text)).into())
            }
        }
    }

    /// The id that the middleware gave to this request.
    pub fn of_request(request: &HttpRequest) -> Arc<str> {
        let extensions = request.extensions();
        extensions
            .get::<Self>()
            .map_or_else(|| "".into(), |id| Arc::clone(&id.0))
    }
}

/// A version 7 UUID whose random part costs no system call; it names, and is no secret.
fn made() -> Uuid {
    let now = u64::try_from(Utc::now().timestamp_millis()).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(now, &rand::random()).into_uuid()
}

/// Where a request comes from, behind the proxies that are trusted.
pub fn client_addr(gateway: &Gateway, request: &HttpRequest) -> Option<IpAddr> {
    let peer = request.peer_addr()?.ip();
    let lines: Vec<&str> = request
        .headers()
        .get_all(X_FORWARDED_FOR)
        .map(|line| line.to_str().unwrap_or_default())
        .collect();
    Some(
        gateway
            .config
            .limits
            .trusted_proxies
            .client(peer, lines.into_iter()),
    )
}

/// The ICCID in the path.
pub fn path_iccid(request: &HttpRequest) -> Result<Iccid, ApiError> {
    let text = request.match_info().get("iccid").unwrap_or_default();
    Iccid::parse(text).map_err(|error| ApiError::new(ApiCode::InvalidIccid, error.to_string()))
}

/// The span of a request that leaves this process; what memory answers has none, because it costs as much as the answer.
pub fn span(request: &HttpRequest, route: &'static str, request_id: &str) -> Span {
    let span = tracing::info_span!(
        "http.request",
        otel.name = route,
        otel.kind = "server",
        route,
        request_id
    );
    if let Some(parent) = request
        .headers()
        .get("traceparent")
        .and_then(|value| value.to_str().ok())
    {
        let mut headers = async_nats::HeaderMap::new();
        headers.insert("traceparent", parent);
        follow_trace(&span, Some(&headers));
    }
    if let Some(id) = trace_id(&span).as_deref().and_then(TraceId::parse) {
        trace::set(id);
    }
    span
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::HeaderValue;

    fn id_for(given: &str) -> Arc<str> {
        let mut headers = HeaderMap::new();
        headers.insert(X_REQUEST_ID, HeaderValue::from_str(given).unwrap());
        RequestId::of(&headers).0
    }

    #[test]
    fn a_good_id_is_kept_and_a_bad_one_replaced() {
        assert_eq!(&*id_for("my-id/1"), "my-id/1");
        for bad in ["", "two words", &"x".repeat(65)] {
            assert!(Uuid::parse_str(&id_for(bad)).is_ok(), "{bad}");
        }
        assert!(Uuid::parse_str(&RequestId::of(&HeaderMap::new()).0).is_ok());
    }
}
