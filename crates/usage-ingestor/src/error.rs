//! What can go wrong inside usage-ingestor, and what its callers are told.

use messages::ErrorCode;
use once_client::ClientError;
use service_runtime::bus::{BusError, RpcError};
use service_runtime::lease::LeaseError;

/// The store cannot do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database failed.
    #[error("database: {0}")]
    Database(#[from] sqlx::Error),
    /// A value of the database that no version of this program writes.
    #[error("stored value: {0}")]
    Corrupt(String),
    /// Another process continues the work.
    #[error(transparent)]
    Lease(#[from] LeaseError),
}

impl StoreError {
    /// The same statement fails again: data exception, constraint, a limit of PostgreSQL, or a broken value.
    pub fn is_permanent(&self) -> bool {
        match self {
            Self::Database(sqlx::Error::Database(error)) => error
                .code()
                .is_some_and(|code| ["22", "23", "54"].iter().any(|class| code.starts_with(class))),
            Self::Corrupt(_) => true,
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
    /// Fields were not accepted: name and reason.
    #[error("invalid fields: {0:?}")]
    Invalid(Vec<(String, String)>),
    /// 1NCE failed or refused.
    #[error("1NCE: {0}")]
    Provider(#[from] ClientError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// JetStream failed.
    #[error(transparent)]
    Bus(#[from] BusError),
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
            AppError::Invalid(fields) => RpcError::fields(fields),
            AppError::Provider(error) => {
                tracing::warn!(%error, "1NCE did not do it");
                RpcError::new(ErrorCode::Upstream, "1NCE did not answer as expected")
            }
            AppError::Store(StoreError::Database(error)) => database_error(&error),
            AppError::Store(error) => RpcError::internal(&error),
            AppError::Bus(error) => {
                tracing::warn!(%error, "JetStream does not answer");
                RpcError::new(ErrorCode::Unavailable, "JetStream does not answer")
            }
        }
    }
}

/// The server ends, starts or is full, ended this transaction for another's sake, or was asked for more than it does in
/// the time that a statement has: classes 08, 40, 53 and 57 of SQLSTATE. The same statement may succeed later.
fn database_error(error: &sqlx::Error) -> RpcError {
    let passing = |state: &str| {
        ["08", "40", "53", "57"]
            .iter()
            .any(|class| state.starts_with(class))
    };
    match error {
        sqlx::Error::Database(told) if !told.code().is_some_and(|code| passing(&code)) => {
            RpcError::internal(error)
        }
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::ColumnNotFound(_) => RpcError::internal(error),
        _ => {
            tracing::warn!(%error, "the database does not answer");
            RpcError::new(ErrorCode::Unavailable, "the database does not answer")
        }
    }
}
