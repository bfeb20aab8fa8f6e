//! What a failure of 1NCE means here, and what people are told about it.

use std::time::Duration;

use domain::Refusal;
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
        let refusal = refusal(error);
        Self {
            code: refusal.code,
            reason: refusal.message,
            retry_after: refusal.retry_after.unwrap_or_default(),
        }
    }
}

/// Whether every other call would have met the same: no login, no budget, 1NCE away or failing. What it says about one
/// SIM is not among them.
pub fn is_the_accounts(error: &ClientError) -> bool {
    matches!(
        error,
        ClientError::Config(_)
            | ClientError::Login(_)
            | ClientError::Unauthorized { .. }
            | ClientError::Throttled { .. }
            | ClientError::BudgetTimeout { .. }
            | ClientError::CircuitOpen { .. }
            | ClientError::CapabilityUnknown { .. }
            | ClientError::Transport { .. }
            | ClientError::Server { .. }
    )
}

/// Whether it may be the one SIM's after all: 1NCE was asked about it and failed.
pub fn may_be_the_sims(error: &ClientError) -> bool {
    matches!(error, ClientError::Transport { .. } | ClientError::Server { .. })
}

/// What somebody who asked us is told: each cause has its own text.
pub fn refusal(error: &ClientError) -> Refusal {
    let upstream = |text: String| Refusal::new(ErrorCode::Upstream, text);
    match error {
        ClientError::Login(failure) if failure.refused => {
            upstream(format!("1NCE refuses the login: {}", failure.message))
        }
        ClientError::Login(failure) => upstream(format!("1NCE gives no token: {}", failure.message)),
        ClientError::Unauthorized { .. } => upstream("1NCE refuses a fresh token of this account".to_owned()),
        ClientError::Transport { message, .. } => upstream(format!("1NCE cannot be reached: {message}")),
        ClientError::Server { status, .. } => upstream(format!("1NCE fails with {status}")),
        ClientError::Decode { endpoint, reason, .. } => {
            upstream(format!("1NCE's answer to {endpoint} cannot be read: {reason}"))
        }
        ClientError::CapabilityUnknown { .. } => {
            upstream("1NCE does not tell at the moment whether it offers this to the account".to_owned())
        }
        ClientError::Config(_) => {
            upstream("the client of the 1NCE account is not configured rightly".to_owned())
        }
        error => error.refusal(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use once_client::{Lane, LoginFailure};

    use super::*;

    fn login(refused: bool) -> ClientError {
        ClientError::Login(LoginFailure {
            refused,
            status: Some(400),
            code: None,
            message: "Incorrect username or password.".to_owned(),
            request_id: None,
        })
    }

    fn troubles() -> Vec<ClientError> {
        vec![
            login(true),
            login(false),
            ClientError::Unauthorized { request_id: None },
            ClientError::Throttled {
                retry_after: None,
                request_id: None,
            },
            ClientError::CircuitOpen {
                retry_in: Duration::from_secs(7),
            },
            ClientError::Transport {
                message: "refused".to_owned(),
                may_be_sent: false,
                request_id: None,
            },
            ClientError::Server {
                status: 503,
                message: String::new(),
                request_id: None,
            },
        ]
    }

    #[test]
    fn each_trouble_of_the_account_has_a_text_of_its_own() {
        let texts: BTreeSet<String> = troubles().iter().map(|error| refusal(error).message).collect();
        assert_eq!(texts.len(), troubles().len(), "{texts:?}");
        assert!(troubles().iter().all(is_the_accounts));
        assert!(is_the_accounts(&ClientError::BudgetTimeout {
            lane: Lane::Command
        }));
    }

    #[test]
    fn what_1nce_says_about_a_sim_is_not_the_accounts() {
        assert!(!is_the_accounts(&ClientError::Expired { request_id: None }));
        assert!(!is_the_accounts(&ClientError::NotFound {
            endpoint: "x",
            request_id: None
        }));
    }

    #[test]
    fn an_open_circuit_tells_when_to_come_again() {
        let error = ClientError::CircuitOpen {
            retry_in: Duration::from_secs(7),
        };
        assert_eq!(Trouble::from(&error).retry_after, Duration::from_secs(7));
    }
}
