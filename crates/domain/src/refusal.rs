use std::time::Duration;

use crate::ErrorCode;

/// Why a server of somebody else did not do what was asked, as far as a caller of ours may know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The kind.
    pub code: ErrorCode,
    /// Safe to show to the person who asked.
    pub message: String,
    /// When asking again makes sense, where it is known.
    pub retry_after: Option<Duration>,
}

impl Refusal {
    /// A refusal that says nothing about a later attempt.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            retry_after: None,
        }
    }
}
