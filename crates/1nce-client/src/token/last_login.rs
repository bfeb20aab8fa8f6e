use chrono::{DateTime, Utc};

use crate::error::LoginFailure;

/// How a login ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastLogin {
    /// When this process learnt it (UTC).
    pub at: DateTime<Utc>,
    /// Why there was no token.
    pub result: Result<(), LoginFailure>,
}

impl LastLogin {
    pub(super) fn now(result: Result<(), LoginFailure>) -> Self {
        Self {
            at: Utc::now(),
            result,
        }
    }
}
