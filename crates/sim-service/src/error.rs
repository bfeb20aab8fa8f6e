//! What can go wrong inside sim-service, and what its callers are told.

use messages::ErrorCode;
use once_client::ClientError;
use service_runtime::bus::RpcError;
use service_runtime::lease::LeaseError;

/// The store cannot do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database failed.
    #[error("database: {0}")]
    Database(#[from] sqlx::Error),
    /// The database failed.
    #[error("database: {0}")]
    Orm(#[from] sea_orm::DbErr),
    /// A row holds what no version of this program writes.
    #[error("row {iccid} of sims: {reason}")]
    Corrupt {
        /// The row.
        iccid: i64,
        /// What is wrong with it.
        reason: String,
    },
    /// What is stored as JSON is not what this program writes.
    #[error("stored JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// Another process continues the work.
    #[error(transparent)]
    Lease(#[from] LeaseError),
}

impl StoreError {
    /// The same statement fails again: data exception, constraint, a limit of PostgreSQL, or a broken row.
    pub fn is_permanent(&self) -> bool {
        match self {
            Self::Database(sqlx::Error::Database(error)) => error
                .code()
                .is_some_and(|code| ["22", "23", "54"].iter().any(|class| code.starts_with(class))),
            Self::Corrupt { .. } | Self::Json(_) => true,
            _ => false,
        }
    }
}

/// A use case cannot be finished.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The SIM does not exist, or not for this caller.
    #[error("the SIM does not exist")]
    UnknownSim,
    /// The job does not exist, or not for this caller.
    #[error("the job does not exist")]
    UnknownJob,
    /// Fields were not accepted: name and reason.
    #[error("invalid fields: {0:?}")]
    Invalid(Vec<(String, String)>),
    /// The SIM's state does not allow it.
    #[error("{0}")]
    Conflict(String),
    /// 1NCE failed or refused.
    #[error("1NCE: {0}")]
    Provider(#[from] ClientError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl AppError {
    /// One field that was not accepted.
    pub fn field(name: &str, reason: &str) -> Self {
        Self::Invalid(vec![(name.to_owned(), reason.to_owned())])
    }
}

impl From<sqlx::Error> for AppError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

impl From<AppError> for RpcError {
    fn from(error: AppError) -> Self {
        match error {
            AppError::UnknownSim => RpcError::not_found("this SIM"),
            AppError::UnknownJob => RpcError::not_found("this job"),
            AppError::Invalid(fields) => RpcError::fields(fields),
            AppError::Conflict(message) => RpcError::new(ErrorCode::Conflict, message),
            AppError::Provider(error) => provider_error(&error),
            AppError::Store(StoreError::Database(error)) => database_error(&error),
            AppError::Store(error) => RpcError::internal(&error),
        }
    }
}

/// The server ends, starts or is full, or it ended this transaction for another's sake: classes 08, 40, 53 and 57 of
/// SQLSTATE. The same statement may succeed later.
fn is_passing(sqlstate: &str) -> bool {
    ["08", "40", "53", "57"]
        .iter()
        .any(|class| sqlstate.starts_with(class))
}

fn database_error(error: &sqlx::Error) -> RpcError {
    match error {
        sqlx::Error::Database(told) if !told.code().is_some_and(|code| is_passing(&code)) => {
            RpcError::internal(error)
        }
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::ColumnNotFound(_) => RpcError::internal(error),
        _ => {
            tracing::warn!(%error, "the database does not answer");
            RpcError::new(ErrorCode::Unavailable, "the database does not answer")
        }
    }
}

fn provider_error(error: &ClientError) -> RpcError {
    tracing::warn!(%error, provider_request_id = error.request_id().map(|id| id.0.as_str()), "1NCE did not do it");
    match error {
        ClientError::Throttled { retry_after, .. } => RpcError {
            retry_after: *retry_after,
            ..RpcError::new(
                ErrorCode::UpstreamRateLimited,
                "the request budget at 1NCE is used up",
            )
        },
        ClientError::BudgetTimeout { .. } => RpcError::new(
            ErrorCode::UpstreamRateLimited,
            "the request budget at 1NCE is used up",
        ),
        ClientError::CircuitOpen { retry_in, .. } => RpcError {
            retry_after: Some(*retry_in),
            ..RpcError::new(ErrorCode::Upstream, "1NCE is failing; calls to it pause")
        },
        ClientError::CapabilityUnavailable { .. } => RpcError::new(
            ErrorCode::CapabilityUnavailable,
            "1NCE does not offer this to the account",
        ),
        ClientError::Expired { .. } => RpcError::new(
            ErrorCode::Conflict,
            "the SIM is expired; only an extension is possible",
        ),
        ClientError::Rejected {
            status: 409, message, ..
        } => RpcError::new(ErrorCode::Conflict, format!("1NCE: {message}")),
        ClientError::Rejected { status, message, .. } => RpcError::new(
            ErrorCode::Upstream,
            format!("1NCE refused with {status}: {message}"),
        ),
        _ => RpcError::new(ErrorCode::Upstream, "1NCE did not answer as expected"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_restarts_or_is_full_is_unavailable_and_a_wrong_statement_is_not() {
        for state in ["57P01", "57P03", "53300", "08006", "40P01"] {
            assert!(is_passing(state), "{state}");
        }
        for state in ["42601", "23505", "22P02", "XX000"] {
            assert!(!is_passing(state), "{state}");
        }
    }
}
