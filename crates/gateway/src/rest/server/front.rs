//! The outermost layer: request id, envelope of errors, security headers, metrics.

use std::future::{Future, Ready, ready};
use std::pin::Pin;
use std::rc::Rc;
use std::time::Instant;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform, forward_ready};
use actix_web::http::StatusCode;
use actix_web::http::header::{
    ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, CROSS_ORIGIN_RESOURCE_POLICY,
    HeaderMap, HeaderValue, PERMISSIONS_POLICY, REFERRER_POLICY, RETRY_AFTER, STRICT_TRANSPORT_SECURITY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use actix_web::{Error, HttpMessage};
use service_runtime::metrics::Metrics;
use service_runtime::shutdown::Shutdown;

use super::connection::{Serving, Stage};
use super::route_metrics::{RouteMetrics, method_label};
use crate::error::{ApiCode, ApiError};
use crate::rest::frame::request_id::{self, X_REQUEST_ID};
use crate::rest::frame::revalidate::Revalidations;
use crate::rest::frame::routes::Matched;
use crate::rest::frame::state::RequestState;
use crate::rest::frame::trace::{TraceId, X_TRACE_ID};
use crate::rest::frame::{envelope, rate};
use crate::seldom::Seldom;

/// What no page of ours needs.
const NO_DEVICES: HeaderValue =
    HeaderValue::from_static("camera=(), geolocation=(), microphone=(), payment=(), usb=()");

/// Headers that an answer gets at the most, so that their table grows once.
const MOST_HEADERS: usize = 16;

/// Makes one [`FrontService`] per HTTP thread.
pub struct Front {
    metrics: Metrics,
    shutdown: Shutdown,
    /// `Strict-Transport-Security`, when it is to be sent.
    hsts: Option<HeaderValue>,
}

impl Front {
    /// Browsers insist on TLS for `hsts_seconds`; 0 says nothing about it.
    pub fn new(metrics: Metrics, shutdown: Shutdown, hsts_seconds: u64) -> Self {
        let hsts = HeaderValue::try_from(format!("max-age={hsts_seconds}")).ok();
        Self {
            metrics,
            shutdown,
            hsts: hsts.filter(|_| hsts_seconds > 0),
        }
    }
}

impl<S> Transform<S, ServiceRequest> for Front
where
    S: Service<ServiceRequest, Response = ServiceResponse<BoxBody>, Error = Error> + 'static,
{
    type Response = ServiceResponse<BoxBody>;
    type Error = Error;
    type Transform = FrontService<S>;
    type InitError = ();
    type Future = Ready<Result<Self::Transform, ()>>;

    fn new_transform(&self, service: S) -> Self::Future {
        ready(Ok(FrontService {
            service,
            metrics: Rc::new(RouteMetrics::new(self.metrics.clone())),
            revalidations: Rc::new(Revalidations::new(&self.metrics)),
            complaints: Rc::default(),
            shutdown: self.shutdown.clone(),
            hsts: self.hsts.clone(),
        }))
    }
}

pub struct FrontService<S> {
    service: S,
    metrics: Rc<RouteMetrics>,
    revalidations: Rc<Revalidations>,
    complaints: Rc<Seldom>,
    shutdown: Shutdown,
    hsts: Option<HeaderValue>,
}

impl<S> Service<ServiceRequest> for FrontService<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<BoxBody>, Error = Error> + 'static,
{
    type Response = ServiceResponse<BoxBody>;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Error>>>>;

    forward_ready!(service);

    fn call(&self, request: ServiceRequest) -> Self::Future {
        let started = Instant::now();
        let method = method_label(request.method());
        let headers = request.headers();
        let state = RequestState::new(request_id::of(headers), TraceId::of_client(headers));
        let state = Rc::new(state);
        request.extensions_mut().insert(Rc::clone(&state));
        let serving = request.conn_data::<Rc<Stage>>().map(Serving::begin);
        let work = self.service.call(request);
        let (metrics, complaints) = (Rc::clone(&self.metrics), Rc::clone(&self.complaints));
        let revalidations = Rc::clone(&self.revalidations);
        let hsts = self.hsts.clone();
        let closing = self.shutdown.has_started();
        Box::pin(async move {
            let mut response = rate::finish(work.await?, &state);
            let status = response.status();
            if status.is_client_error() || status.is_server_error() {
                response = wrap_failure(response, &state);
            }
            response = revalidations.settle(response);
            let headers = response.headers_mut();
            add_headers(headers, &state, closing);
            if let Some(hsts) = hsts {
                headers.insert(STRICT_TRANSPORT_SECURITY, hsts);
            }
            let route = state.matched.get().map_or("unmatched", Matched::path);
            if let Some(held_back) = complaint(&complaints, status) {
                tracing::warn!(route, method, status = status.as_u16(), request_id = %state.id, held_back, "request failed");
            }
            metrics.note(route, method, response.status(), started.elapsed());
            Ok(match serving {
                Some(serving) => serving.until_the_end_of(response),
                None => response,
            })
        })
    }
}

/// Whether a failed request is worth a line. While a dependency is down every request fails, with and without a key.
fn complaint(complaints: &Seldom, status: StatusCode) -> Option<u64> {
    match status {
        StatusCode::SERVICE_UNAVAILABLE => complaints.pass(),
        status => status.is_server_error().then_some(0),
    }
}

/// Puts an error into the envelope; answers that have a body of their own stay as they are.
fn wrap_failure(response: ServiceResponse<BoxBody>, state: &RequestState) -> ServiceResponse<BoxBody> {
    let known = response.response().extensions().get::<ApiError>().cloned();
    let error = match known {
        Some(error) => error,
        None if response.headers().contains_key(CONTENT_TYPE) && !is_plain(response.headers()) => {
            return response;
        }
        None => of_status(response.status()),
    };
    let body = envelope::failure(&error, state);
    response.map_body(|head, _| {
        let headers = head.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(allow) = error.allow.and_then(|allow| HeaderValue::try_from(allow).ok()) {
            headers.insert(ALLOW, allow);
        }
        if let Some(time) = error.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(time.as_secs().max(1)));
        }
        body.boxed()
    })
}

/// The framework's own errors are plain text.
fn is_plain(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE);
    kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/plain"))
}

fn of_status(status: StatusCode) -> ApiError {
    match status {
        StatusCode::NOT_FOUND => ApiError::new(ApiCode::NotFound, "there is nothing at this path"),
        StatusCode::METHOD_NOT_ALLOWED => {
            ApiError::new(ApiCode::MethodNotAllowed, "the path does not know this method")
        }
        StatusCode::PAYLOAD_TOO_LARGE => ApiError::new(ApiCode::PayloadTooLarge, "the body is too large"),
        status if status.is_client_error() => {
            ApiError::new(ApiCode::Validation, "the request cannot be read")
        }
        _ => ApiError::new(ApiCode::Internal, "an internal error happened"),
    }
}

fn add_headers(headers: &mut HeaderMap, state: &RequestState, closing: bool) {
    headers.reserve(MOST_HEADERS);
    if let Ok(id) = HeaderValue::from_str(&state.id) {
        headers.insert(X_REQUEST_ID, id);
    }
    if let Some(trace) = state.trace.get().and_then(|trace| trace.header()) {
        headers.insert(X_TRACE_ID, trace);
    }
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(PERMISSIONS_POLICY, NO_DEVICES);
    headers.insert(
        CROSS_ORIGIN_RESOURCE_POLICY,
        HeaderValue::from_static("same-origin"),
    );
    if !headers.contains_key(CACHE_CONTROL) {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    if !headers.contains_key(CONTENT_SECURITY_POLICY) {
        let policy = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
        headers.insert(CONTENT_SECURITY_POLICY, policy);
    }
    if closing {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
}
