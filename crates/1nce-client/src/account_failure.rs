//! What a failed call says of the account, and what somebody who asked us may be told.

use std::time::Duration;

use domain::{ErrorCode, Refusal};
use serde::Serialize;

use crate::error::ClientError;

/// What keeps every call of the account from being answered, whatever it asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AccountFailure {
    /// 1NCE refused the credentials.
    LoginRefused,
    /// The token endpoint failed or could not be reached.
    LoginFailed,
    /// 1NCE refused a fresh token.
    Unauthorized,
    /// No connection, or no answer in time.
    Unreachable,
    /// 5xx, or a redirect. Also a single SIM can be the reason: ask [`crate::OnceClient::breaker_state`] before much is
    /// stopped for it.
    Failing,
    /// Something else than 1NCE's API answers, such as a page of a proxy.
    NotTheApi,
    /// 429.
    Throttled,
    /// Calls are held back after many failures.
    CircuitOpen,
    /// No room in the request budget.
    Budget,
    /// Which generation offers the call cannot be found out now.
    Undecided,
}

impl AccountFailure {
    /// One plain text each.
    pub fn text(self) -> &'static str {
        match self {
            Self::LoginRefused => "1NCE refuses the client id and secret",
            Self::LoginFailed => "the login at 1NCE fails",
            Self::Unauthorized => "1NCE refuses a fresh token",
            Self::Unreachable => "1NCE cannot be reached",
            Self::Failing => "1NCE fails",
            Self::NotTheApi => "something else than 1NCE's API answers",
            Self::Throttled => "1NCE asks to slow down",
            Self::CircuitOpen => "1NCE is failing; calls to it pause",
            Self::Budget => "the request budget at 1NCE is used up",
            Self::Undecided => "it cannot be found out now whether 1NCE offers this",
        }
    }
}

impl ClientError {
    /// What keeps the account from being answered; `None` for everything that is about what was asked, and for an action
    /// whose outcome is unknown.
    pub fn account_failure(&self) -> Option<AccountFailure> {
        Some(match self {
            Self::Login(failure) if failure.refused => AccountFailure::LoginRefused,
            Self::Login(_) => AccountFailure::LoginFailed,
            Self::Unauthorized { .. } => AccountFailure::Unauthorized,
            Self::Transport { .. } => AccountFailure::Unreachable,
            Self::Server { .. } => AccountFailure::Failing,
            // What is no JSON at all was not written by the API. An empty body is v1's word for a SIM that it does not know.
            Self::Decode { excerpt, .. }
                if !excerpt.trim_start().starts_with(['{', '[']) && !excerpt.is_empty() =>
            {
                AccountFailure::NotTheApi
            }
            Self::Throttled { .. } => AccountFailure::Throttled,
            Self::CircuitOpen { .. } => AccountFailure::CircuitOpen,
            Self::BudgetTimeout { .. } => AccountFailure::Budget,
            Self::CapabilityUnknown { .. } => AccountFailure::Undecided,
            _ => return None,
        })
    }

    /// Whether nothing was said about the SIM or order that the call named: it costs no attempt, and everything else of
    /// the account would fare the same.
    pub fn is_the_accounts(&self) -> bool {
        self.account_failure().is_some()
    }

    /// What somebody who asked us may be told.
    pub fn refusal(&self) -> Refusal {
        if let Some(failure) = self.account_failure() {
            let code = match failure {
                AccountFailure::Throttled | AccountFailure::Budget => ErrorCode::UpstreamRateLimited,
                _ => ErrorCode::Upstream,
            };
            let text = match self {
                Self::CapabilityUnknown { why, .. } => format!("{}: {why}", failure.text()),
                _ => failure.text().to_owned(),
            };
            return Refusal {
                retry_after: self.retry_after(),
                ..Refusal::new(code, text)
            };
        }
        match self {
            Self::CapabilityUnavailable { why, .. } => Refusal::new(
                ErrorCode::CapabilityUnavailable,
                format!("1NCE does not offer this to the account: {why}"),
            ),
            Self::Expired { .. } => Refusal::new(
                ErrorCode::Conflict,
                "the SIM is expired; only an extension is possible",
            ),
            Self::Rejected {
                status: 409, message, ..
            } => Refusal::new(ErrorCode::Conflict, format!("1NCE: {message}")),
            Self::Rejected { status, message, .. } => Refusal::new(
                ErrorCode::Upstream,
                format!("1NCE refused with {status}: {message}"),
            ),
            Self::LimitReached { message, .. } => Refusal::new(
                ErrorCode::Conflict,
                format!("the monthly limit of the SIM is reached: {message}"),
            ),
            Self::Uncertain { .. } => Refusal::new(
                ErrorCode::Upstream,
                "1NCE did not confirm the action; whether it happened is being found out",
            ),
            _ => Refusal::new(ErrorCode::Upstream, "1NCE did not answer as expected"),
        }
    }

    /// How long to wait at the least, as far as that is known.
    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Throttled { retry_after, .. } => *retry_after,
            Self::CircuitOpen { retry_in } => Some(*retry_in),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_throttled_call_is_told_as_such_with_the_time_that_1nce_asks_for() {
        let wanted = Some(Duration::from_secs(7));
        let throttled = ClientError::Throttled {
            retry_after: wanted,
            request_id: None,
        };
        let refusal = throttled.refusal();
        assert_eq!(
            (refusal.code, refusal.retry_after),
            (ErrorCode::UpstreamRateLimited, wanted)
        );
    }

    #[test]
    fn an_empty_answer_about_one_sim_says_nothing_of_the_account() {
        let decode = |excerpt: &str| ClientError::Decode {
            endpoint: "x",
            status: 200,
            reason: String::new(),
            excerpt: excerpt.to_owned(),
            request_id: None,
        };
        assert_eq!(decode("").account_failure(), None);
        assert_eq!(
            decode("<html>").account_failure(),
            Some(AccountFailure::NotTheApi)
        );
    }
}
