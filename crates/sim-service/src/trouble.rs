//! What a failure of 1NCE means here, and what people are told about it.

use std::time::Duration;

use messages::ErrorCode;
use once_client::ClientError;

/// Why 1NCE cannot be used at the moment, whatever is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// A word of the closed list.
    pub code: ErrorCode,
    /// For people.
    pub reason: String,
    /// Not before this time is over.
    pub retry_after: Duration,
}

impl Trouble {
    /// `CODE: text`.
    pub fn told(&self) -> String {
        format!("{}: {}", self.code.word(), self.reason)
    }
}

impl From<&ClientError> for Trouble {
    fn from(error: &ClientError) -> Self {
        let refusal = error.refusal();
        Self {
            code: refusal.code,
            reason: refusal.message,
            retry_after: refusal.retry_after.unwrap_or_default(),
        }
    }
}

/// Whether it may be the one SIM's after all: 1NCE was asked about it and failed.
pub fn may_be_the_sims(error: &ClientError) -> bool {
    matches!(error, ClientError::Transport { .. } | ClientError::Server { .. })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_open_circuit_tells_when_to_come_again() {
        let error = ClientError::CircuitOpen {
            retry_in: Duration::from_secs(7),
        };
        assert_eq!(Trouble::from(&error).retry_after, Duration::from_secs(7));
    }
}
