//! Errors: why the gateway cannot start, and what a caller is told.

use std::borrow::Cow;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError};
use messages::ErrorCode;
use service_runtime::RuntimeError;
use service_runtime::bus::{BusError, RpcError};
use service_runtime::config::ConfigError;
use service_runtime::db::DbError;

/// Why the gateway cannot start.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// A setting cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A server does not answer or refuses us.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// The schema is too old.
    #[error(transparent)]
    Db(#[from] DbError),
    /// Events cannot be followed.
    #[error(transparent)]
    Bus(#[from] BusError),
    /// Two operations have the same address.
    #[error("routes: {0}")]
    Routes(#[from] matchit::InsertError),
    /// The address cannot be used.
    #[error("cannot listen on {listen}: {source}")]
    Listen {
        /// The configured address.
        listen: String,
        /// What the system said.
        source: std::io::Error,
    },
}

/// The closed list of error codes in REST answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ApiCode {
    /// The key is unknown, expired or revoked.
    InvalidApiKey,
    /// No credentials were given.
    Unauthorized,
    /// The key lacks the permission.
    Forbidden,
    /// No such thing, or not for this caller.
    NotFound,
    /// The path exists, but not with this method.
    MethodNotAllowed,
    /// Not an ICCID.
    InvalidIccid,
    /// Fields were not accepted; each is named.
    Validation,
    /// The body is larger than allowed.
    PayloadTooLarge,
    /// The body is no JSON.
    UnsupportedMediaType,
    /// The present state does not allow it.
    Conflict,
    /// 1NCE failed.
    Upstream,
    /// The caller has used up its requests.
    RateLimited,
    /// The budget at 1NCE is used up.
    UpstreamRateLimited,
    /// 1NCE does not offer this to the account.
    CapabilityUnavailable,
    /// A dependency is down.
    Unavailable,
    /// A fault of ours.
    Internal,
}

impl ApiCode {
    /// Every code.
    pub const ALL: [Self; 16] = [
        Self::InvalidApiKey,
        Self::Unauthorized,
        Self::Forbidden,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::InvalidIccid,
        Self::Validation,
        Self::PayloadTooLarge,
        Self::UnsupportedMediaType,
        Self::Conflict,
        Self::Upstream,
        Self::RateLimited,
        Self::UpstreamRateLimited,
        Self::CapabilityUnavailable,
        Self::Unavailable,
        Self::Internal,
    ];

    /// The word and the HTTP status: the one table.
    pub const fn row(self) -> (&'static str, StatusCode) {
        match self {
            Self::InvalidApiKey => ("INVALID_API_KEY", StatusCode::UNAUTHORIZED),
            Self::Unauthorized => ("UNAUTHORIZED", StatusCode::UNAUTHORIZED),
            Self::Forbidden => ("FORBIDDEN", StatusCode::FORBIDDEN),
            Self::NotFound => ("NOT_FOUND", StatusCode::NOT_FOUND),
            Self::MethodNotAllowed => ("METHOD_NOT_ALLOWED", StatusCode::METHOD_NOT_ALLOWED),
            Self::InvalidIccid => ("INVALID_ICCID", StatusCode::BAD_REQUEST),
            Self::Validation => ("VALIDATION_ERROR", StatusCode::UNPROCESSABLE_ENTITY),
            Self::PayloadTooLarge => ("PAYLOAD_TOO_LARGE", StatusCode::PAYLOAD_TOO_LARGE),
            Self::UnsupportedMediaType => ("UNSUPPORTED_MEDIA_TYPE", StatusCode::UNSUPPORTED_MEDIA_TYPE),
            Self::Conflict => ("CONFLICT", StatusCode::CONFLICT),
            Self::RateLimited => ("RATE_LIMIT_EXCEEDED", StatusCode::TOO_MANY_REQUESTS),
            Self::Upstream => ("UPSTREAM_ERROR", StatusCode::BAD_GATEWAY),
            Self::UpstreamRateLimited => ("UPSTREAM_RATE_LIMITED", StatusCode::SERVICE_UNAVAILABLE),
            Self::CapabilityUnavailable => ("CAPABILITY_UNAVAILABLE", StatusCode::NOT_IMPLEMENTED),
            Self::Unavailable => ("SERVICE_UNAVAILABLE", StatusCode::SERVICE_UNAVAILABLE),
            Self::Internal => ("INTERNAL_ERROR", StatusCode::INTERNAL_SERVER_ERROR),
        }
    }
}

impl From<ErrorCode> for ApiCode {
    fn from(code: ErrorCode) -> Self {
        match code {
            ErrorCode::NotFound => Self::NotFound,
            ErrorCode::InvalidIccid => Self::InvalidIccid,
            ErrorCode::Validation => Self::Validation,
            ErrorCode::Conflict => Self::Conflict,
            ErrorCode::Upstream => Self::Upstream,
            ErrorCode::UpstreamRateLimited => Self::UpstreamRateLimited,
            ErrorCode::CapabilityUnavailable => Self::CapabilityUnavailable,
            ErrorCode::Unavailable | ErrorCode::DeadlineExceeded => Self::Unavailable,
            ErrorCode::Internal => Self::Internal,
        }
    }
}

/// What a caller is told. The middleware puts it into the envelope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {message}", code.row().0)]
pub struct ApiError {
    /// One of the closed list.
    pub code: ApiCode,
    /// For a person; holds nothing internal.
    pub message: Cow<'static, str>,
    /// Field and reason.
    pub fields: Vec<(String, String)>,
    /// When asking again makes sense.
    pub retry_after: Option<Duration>,
    /// The methods that the path knows, for `Allow`.
    pub allow: Option<String>,
}

impl ApiError {
    /// An error without further detail.
    pub fn new(code: ApiCode, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            message: message.into(),
            fields: Vec::new(),
            retry_after: None,
            allow: None,
        }
    }

    /// Fields that were not accepted.
    pub fn fields(fields: Vec<(String, String)>) -> Self {
        Self {
            fields,
            ..Self::new(ApiCode::Validation, "the request has invalid fields")
        }
    }

    /// One field that was not accepted.
    pub fn field(field: &str, reason: impl Into<String>) -> Self {
        Self::fields(vec![(field.to_owned(), reason.into())])
    }

    /// A SIM that does not exist, or not for this caller.
    pub fn no_such_sim() -> Self {
        Self::new(ApiCode::NotFound, "the SIM does not exist")
    }

    /// A fault of ours: the details go to the log, not to the caller.
    pub fn internal(error: &dyn std::fmt::Display) -> Self {
        tracing::error!(%error, "internal error");
        Self::new(ApiCode::Internal, "an internal error happened")
    }

    /// The database does not answer.
    pub fn database(error: &dyn std::fmt::Display) -> Self {
        tracing::error!(%error, "the database failed");
        Self::new(ApiCode::Unavailable, "the database does not answer")
    }
}

impl From<RpcError> for ApiError {
    fn from(error: RpcError) -> Self {
        Self {
            code: error.code.into(),
            message: error.message.into(),
            fields: error.fields,
            retry_after: error.retry_after,
            allow: None,
        }
    }
}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        self.code.row().1
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::new(self.status_code());
        response.extensions_mut().insert(self.clone());
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_of_the_bus_keeps_its_word() {
        for code in ErrorCode::ALL {
            assert_eq!(ApiCode::from(code).row().0, code.word());
        }
    }

    #[test]
    fn the_statuses_are_those_of_the_public_table() {
        let status = |code| ApiCode::from(code).row().1.as_u16();
        assert_eq!(status(ErrorCode::InvalidIccid), 400);
        assert_eq!(status(ErrorCode::Validation), 422);
        assert_eq!(status(ErrorCode::Conflict), 409);
        assert_eq!(status(ErrorCode::Upstream), 502);
        assert_eq!(status(ErrorCode::UpstreamRateLimited), 503);
        assert_eq!(status(ErrorCode::CapabilityUnavailable), 501);
        assert_eq!(status(ErrorCode::DeadlineExceeded), 503);
    }
}
