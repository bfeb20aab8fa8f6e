use crate::error::StoreError;

/// A page that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum PageError {
    /// There is no such page.
    #[error("{field} {reason}")]
    Refused {
        /// What names it: a cursor or a page number.
        field: &'static str,
        /// Why.
        reason: String,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl PageError {
    /// A cursor that names no row of the list.
    pub fn cursor(reason: &str) -> Self {
        let reason = reason.to_owned();
        Self::Refused {
            field: "cursor",
            reason,
        }
    }
}

impl From<sqlx::Error> for PageError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}
