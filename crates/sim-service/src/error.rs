//! What can go wrong inside sim-service, and what its callers are told.

use messages::ErrorCode;
use once_client::ClientError;
use service_runtime::bus::RpcError;
use service_runtime::db::is_permanent;
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
            Self::Database(error) => is_permanent(error),
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

/// What has no rule of its own is asked of the store.
impl From<StoreError> for RpcError {
    fn from(error: StoreError) -> Self {
        AppError::from(error).into()
    }
}

impl From<AppError> for RpcError {
    fn from(error: AppError) -> Self {
        match error {
            AppError::UnknownSim => RpcError::not_found("this SIM"),
            AppError::UnknownJob => RpcError::not_found("this job"),
            AppError::Invalid(fields) => RpcError::fields(fields),
            AppError::Conflict(message) => RpcError::new(ErrorCode::Conflict, message),
            AppError::Provider(error) => {
                let id = error.request_id().map(|id| id.0.as_str());
                tracing::warn!(%error, provider_request_id = id, "1NCE did not do it");
                error.refusal().into()
            }
            AppError::Store(StoreError::Database(error)) => RpcError::database(&error),
            AppError::Store(error) => RpcError::internal(&error),
        }
    }
}
