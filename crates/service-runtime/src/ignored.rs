//! Ignoring an error is an act with a name, and it is logged.

use std::fmt::Display;

/// Gives up an error on purpose.
pub trait Ignored {
    /// Logs the error with what was tried, and goes on.
    fn ignored(self, what: &'static str);
}

impl<T, E: Display> Ignored for Result<T, E> {
    fn ignored(self, what: &'static str) {
        if let Err(error) = self {
            tracing::warn!(%error, what, "went on without it");
        }
    }
}
