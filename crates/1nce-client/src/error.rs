//! What can go wrong in a call to 1NCE, sorted by what a caller may do about it.

use std::fmt;
use std::time::Duration;

use domain::Iccid;

use crate::capability::Capability;
use crate::lane::Lane;

/// The id under which 1NCE's edge logged a call (`X-Amzn-Requestid`, FACTS §2); quote it to their support.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId(pub String);

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Who says that something is not known at 1NCE, by the shape of the answer (FACTS §14).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Teller {
    /// 1NCE's API, in an error object of its own.
    Api,
    /// An empty body: v1 of the API, or anything else.
    Nobody,
    /// Something before the API: HTML, or the gateway's own `{"message"}`.
    Foreign,
}

/// Why no token could be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginFailure {
    /// True when 1NCE refused the credentials: nothing but other credentials will help.
    pub refused: bool,
    /// HTTP status, if there was an answer.
    pub status: Option<u16>,
    /// 1NCE's `errorCode`, whatever the word (FACTS §2).
    pub code: Option<String>,
    /// 1NCE's text, or what failed on the way.
    pub message: String,
    /// The id of the refused call.
    pub request_id: Option<RequestId>,
}

/// A failed call.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The configuration cannot work.
    #[error("1NCE client configuration: {0}")]
    Config(String),
    /// The arguments were refused before anything was sent.
    #[error("invalid request: {0}")]
    Invalid(String),
    /// No token: bad credentials, or the token endpoint failed.
    #[error("1NCE login failed: {}", .0.message)]
    Login(LoginFailure),
    /// 1NCE refused a fresh token twice.
    #[error("1NCE refused a fresh token")]
    Unauthorized {
        /// The id of the refused call.
        request_id: Option<RequestId>,
    },
    /// 404: the thing named in the call does not exist at 1NCE.
    #[error("1NCE does not know what {endpoint} asked for")]
    NotFound {
        /// Template of the endpoint.
        endpoint: &'static str,
        /// Who says so.
        by: Teller,
        /// The id of the call.
        request_id: Option<RequestId>,
    },
    /// 422: the SIM is expired; only an extension is possible (FACTS §5).
    #[error("the SIM is expired; only an extension is possible")]
    Expired {
        /// The id of the call.
        request_id: Option<RequestId>,
    },
    /// Any 4xx that says so: the account's monthly limit of this SIM is used up, until the month ends or the limit is
    /// raised (FACTS §10). Nothing happened.
    #[error("the monthly limit of the SIM is reached: {message}")]
    LimitReached {
        /// 1NCE's text.
        message: String,
        /// The id of the call.
        request_id: Option<RequestId>,
    },
    /// Another 4xx: 1NCE understood and refused; nothing happened.
    #[error("1NCE refused the call with {status}: {message}")]
    Rejected {
        /// HTTP status.
        status: u16,
        /// `error_token`, `errorCode` or `error`, whichever shape came (FACTS §14).
        code: Option<String>,
        /// 1NCE's text; empty when the body was.
        message: String,
        /// The id of the call.
        request_id: Option<RequestId>,
    },
    /// 429, still after the allowed repeats. Nothing happened at 1NCE.
    #[error("1NCE asks to slow down")]
    Throttled {
        /// What `Retry-After` asked for.
        retry_after: Option<Duration>,
        /// The id of the call.
        request_id: Option<RequestId>,
    },
    /// 5xx on a call that may be repeated, still after the allowed repeats.
    #[error("1NCE failed with {status}: {message}")]
    Server {
        /// HTTP status.
        status: u16,
        /// The beginning of the answer.
        message: String,
        /// The id of the call.
        request_id: Option<RequestId>,
    },
    /// The request budget had no room in the longest wait of this lane. Nothing was sent.
    #[error("no room in the 1NCE request budget for a call of lane {lane}")]
    BudgetTimeout {
        /// The lane that waited.
        lane: Lane,
    },
    /// 1NCE failed so often that calls are held back. Nothing was sent.
    #[error("1NCE is failing; calls are held back for {retry_in:?}")]
    CircuitOpen {
        /// When the next probe is due.
        retry_in: Duration,
    },
    /// An action whose outcome is unknown: it may have happened. Never repeat it blindly (DESIGN §2.4).
    #[error("the outcome of {endpoint} is unknown: {reason}")]
    Uncertain {
        /// Template of the endpoint.
        endpoint: &'static str,
        /// HTTP status, if there was an answer.
        status: Option<u16>,
        /// What happened instead of an answer.
        reason: String,
        /// The id of the call, when an answer carried one.
        request_id: Option<RequestId>,
    },
    /// The network failed.
    #[error("cannot reach 1NCE: {message}")]
    Transport {
        /// What failed.
        message: String,
        /// Whether the request may have reached 1NCE.
        may_be_sent: bool,
        /// The id of the call, when an answer began.
        request_id: Option<RequestId>,
    },
    /// The answer is not what the API promises.
    #[error("cannot read the answer of {endpoint} ({status}): {reason}")]
    Decode {
        /// Template of the endpoint.
        endpoint: &'static str,
        /// HTTP status.
        status: u16,
        /// What does not fit.
        reason: String,
        /// The first 200 characters of the answer.
        excerpt: String,
        /// The id of the call.
        request_id: Option<RequestId>,
    },
    /// Neither generation of this account's API offers it.
    #[error("{capability:?} is not available on this 1NCE account: {why}")]
    CapabilityUnavailable {
        /// What is missing.
        capability: Capability,
        /// Why, for people.
        why: String,
    },
    /// Which generation offers it could not be found out, because 1NCE did not answer that. The call itself was not
    /// sent and may be made again later.
    #[error("cannot find out whether 1NCE offers {capability:?}: {why}")]
    CapabilityUnknown {
        /// What was asked about.
        capability: Capability,
        /// What happened instead of an answer.
        why: String,
        /// The id of the call that asked, when an answer carried one.
        request_id: Option<RequestId>,
    },
    /// 1NCE answered another card than the one asked for (FACTS §5).
    #[error("asked for SIM {asked}, 1NCE answered {answered}")]
    IccidMismatch {
        /// The card in the path.
        asked: Iccid,
        /// The card in the answer.
        answered: Iccid,
        /// The id of the call.
        request_id: Option<RequestId>,
    },
}

impl ClientError {
    /// Whether the same call may be made again later and could then succeed. Never true for an uncertain action.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Login(failure) => !failure.refused,
            Self::Throttled { .. }
            | Self::Server { .. }
            | Self::BudgetTimeout { .. }
            | Self::CircuitOpen { .. }
            | Self::CapabilityUnknown { .. }
            | Self::Transport { .. } => true,
            _ => false,
        }
    }

    /// The id that 1NCE gave the failed call.
    pub fn request_id(&self) -> Option<&RequestId> {
        match self {
            Self::Login(failure) => failure.request_id.as_ref(),
            Self::Unauthorized { request_id }
            | Self::NotFound { request_id, .. }
            | Self::Expired { request_id }
            | Self::LimitReached { request_id, .. }
            | Self::Rejected { request_id, .. }
            | Self::Throttled { request_id, .. }
            | Self::Server { request_id, .. }
            | Self::Uncertain { request_id, .. }
            | Self::Transport { request_id, .. }
            | Self::CapabilityUnknown { request_id, .. }
            | Self::IccidMismatch { request_id, .. }
            | Self::Decode { request_id, .. } => request_id.as_ref(),
            _ => None,
        }
    }

    /// Whether it is certain that this failure left nothing behind at 1NCE, so that even an action may be repeated.
    pub fn nothing_sent(&self) -> bool {
        match self {
            Self::Transport { may_be_sent, .. } => !may_be_sent,
            Self::Login(_)
            | Self::Throttled { .. }
            | Self::BudgetTimeout { .. }
            | Self::CircuitOpen { .. }
            | Self::Config(_)
            | Self::Invalid(_)
            | Self::Unauthorized { .. }
            | Self::CapabilityUnavailable { .. }
            | Self::CapabilityUnknown { .. } => true,
            _ => false,
        }
    }
}

/// The first 200 characters of an answer, on one line, for people.
pub(crate) fn excerpt(body: &[u8]) -> String {
    let start = &body[..body.len().min(1_000)];
    String::from_utf8_lossy(start)
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(200)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_uncertain_action_is_never_retryable() {
        let error = ClientError::Uncertain {
            endpoint: "x",
            status: None,
            reason: "timeout".into(),
            request_id: None,
        };
        assert!(!error.is_retryable());
        assert!(!error.nothing_sent());
    }

    #[test]
    fn an_excerpt_is_one_short_line_even_of_broken_text() {
        let text = excerpt(&[b"<html>\r\n".as_slice(), &[0xff; 2_000]].concat());
        assert_eq!(text.chars().count(), 200);
        assert!(text.starts_with("<html>  "));
    }
}
