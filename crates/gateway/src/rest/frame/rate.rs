//! The headers that tell a caller how many requests it has left, and the limit of those who show no good credentials.

use std::time::Duration;

use actix_web::body::BoxBody;
use actix_web::dev::ServiceResponse;
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use actix_web::{HttpRequest, ResponseError, web};

use super::request_id::client_addr;
use super::routes::Matched;
use super::state::RequestState;
use crate::app::Gateway;
use crate::auth::Principal;
use crate::error::{ApiCode, ApiError};
use crate::limits::{Standing, Verdict};

pub const LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
pub const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
pub const RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");

/// Takes one of the caller's requests; the answer will say how many are left.
pub async fn take(gateway: &Gateway, request: &HttpRequest, principal: &Principal) -> Result<(), ApiError> {
    let verdict = gateway.limiter.take(principal.id(), &principal.allowance).await;
    RequestState::of(request).standing.set(Some(verdict.standing));
    verdict.retry_after.map_or(Ok(()), |wait| Err(limited(wait)))
}

/// Puts the headers on an answer, unless its operation counts nobody. Where nobody was recognized, or where nothing is, the
/// address is counted, and told to wait instead of what was wrong when it asked too often. Failures of ours are not counted.
pub fn finish(mut response: ServiceResponse<BoxBody>, state: &RequestState) -> ServiceResponse<BoxBody> {
    if !state.matched.get().is_none_or(Matched::is_metered) {
        return response;
    }
    let standing = match state.standing.get() {
        Some(standing) => standing,
        None => {
            let Some(verdict) = of_address(&response) else {
                return response;
            };
            if let Some(wait) = verdict
                .retry_after
                .filter(|_| response.status().is_client_error())
            {
                response = response.into_response(limited(wait).error_response());
            }
            verdict.standing
        }
    };
    write(response.headers_mut(), standing);
    response
}

fn of_address(response: &ServiceResponse<BoxBody>) -> Option<Verdict> {
    let gateway = response.request().app_data::<web::Data<Gateway>>()?;
    let address = client_addr(gateway, response.request())?;
    if response.status().is_server_error() {
        let standing = gateway.limiter.look_at_address(address);
        return Some(Verdict {
            standing,
            retry_after: None,
        });
    }
    Some(gateway.limiter.take_address(address))
}

fn write(headers: &mut HeaderMap, standing: Standing) {
    headers.insert(LIMIT, HeaderValue::from(standing.limit));
    headers.insert(REMAINING, HeaderValue::from(standing.remaining));
    headers.insert(RESET, HeaderValue::from(standing.reset_seconds));
}

/// The refusal of what was asked too often.
pub fn limited(wait: Duration) -> ApiError {
    let mut error = ApiError::new(ApiCode::RateLimited, "too many requests; ask again later");
    error.retry_after = Some(Duration::from_secs(
        wait.as_millis().div_ceil(1000).try_into().unwrap_or(1),
    ));
    error
}
