//! What may be repeated after which failure: the table at the end of FACTS §14.

use std::time::Duration;

use backon::ExponentialBuilder;

use crate::config::ClientConfig;
use crate::error;
use crate::error::ClientError;
use crate::lane::Lane;

/// How often a call may reach 1NCE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RetryClass {
    /// Reads, and `PUT` of absolute values: as often as the lane allows.
    Repeatable,
    /// Reset: harmless but disruptive, repeated once at most.
    OnceMore,
    /// A question to the visited network: asked once, whatever happens (FACTS §6).
    Single,
    /// Costs money, reaches a device or is not in the table: repeated only when nothing was sent.
    Never,
}

impl RetryClass {
    /// Whether this failure of a call of this class may be followed by another attempt at once.
    pub(crate) fn allows(self, error: &ClientError) -> bool {
        match error {
            // The caller decides about a full budget and an open breaker; waiting again here would double its wait.
            ClientError::BudgetTimeout { .. } | ClientError::CircuitOpen { .. } => false,
            _ => error.is_retryable() && (self != Self::Never || error.nothing_sent()),
        }
    }

    /// What a failure of this class is told as: an action that may have happened is uncertain.
    pub(crate) fn verdict(self, endpoint: &'static str, error: ClientError) -> ClientError {
        if self != Self::Never {
            return error;
        }
        match error {
            ClientError::Transport {
                message,
                may_be_sent: true,
                request_id,
            } => ClientError::Uncertain {
                endpoint,
                status: None,
                reason: message,
                request_id,
            },
            ClientError::Server {
                status,
                message,
                request_id,
            } => ClientError::Uncertain {
                endpoint,
                status: Some(status),
                reason: format!("1NCE failed with {status}: {message}"),
                request_id,
            },
            ClientError::Decode {
                status,
                reason,
                request_id,
                ..
            } => ClientError::Uncertain {
                endpoint,
                status: Some(status),
                reason: format!("unreadable answer ({status}): {reason}"),
                request_id,
            },
            other => other,
        }
    }
}

/// Delays with jitter; the number of repeats is the lane's, one for a reset, none for a single attempt.
pub(crate) fn schedule(config: &ClientConfig, class: RetryClass, lane: Lane) -> ExponentialBuilder {
    let lane_times = config.max_retries[lane.index()];
    let times = match class {
        RetryClass::OnceMore => lane_times.min(1),
        RetryClass::Single => 0,
        RetryClass::Repeatable | RetryClass::Never => lane_times,
    };
    ExponentialBuilder::default()
        .with_jitter()
        .with_min_delay(config.retry_min_delay)
        .with_max_delay(Duration::from_secs(5))
        .with_max_times(times)
}

/// The delay before a repeat: never earlier than `Retry-After`, and no repeat when that is longer than the lane waits.
pub(crate) fn adjust(
    error: &error::ClientError,
    delay: Option<Duration>,
    lane_limit: Option<Duration>,
) -> Option<Duration> {
    let ClientError::Throttled {
        retry_after: Some(wanted),
        ..
    } = error
    else {
        return delay;
    };
    if lane_limit.is_some_and(|limit| *wanted > limit) {
        return None;
    }
    delay.map(|delay| delay.max(*wanted))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn transport(may_be_sent: bool) -> ClientError {
        ClientError::Transport {
            message: "cut".into(),
            may_be_sent,
            request_id: None,
        }
    }

    fn server() -> ClientError {
        ClientError::Server {
            status: 503,
            message: String::new(),
            request_id: None,
        }
    }

    #[test]
    fn an_action_is_repeated_only_when_nothing_was_sent() {
        let throttled = ClientError::Throttled {
            retry_after: None,
            request_id: None,
        };
        assert!(RetryClass::Never.allows(&throttled));
        assert!(RetryClass::Never.allows(&transport(false)));
        assert!(!RetryClass::Never.allows(&transport(true)));
        assert!(!RetryClass::Never.allows(&server()));
        assert!(RetryClass::Repeatable.allows(&transport(true)));
        assert!(RetryClass::Repeatable.allows(&server()));
    }

    #[test]
    fn an_action_that_may_have_happened_is_uncertain_a_refusal_is_not() {
        let uncertain = |error| {
            matches!(
                RetryClass::Never.verdict("x", error),
                ClientError::Uncertain { .. }
            )
        };
        assert!(uncertain(transport(true)));
        assert!(uncertain(server()));
        assert!(!uncertain(transport(false)));
        assert!(!uncertain(ClientError::Expired { request_id: None }));
    }

    #[test]
    fn a_repeat_never_comes_before_retry_after_and_not_at_all_when_that_is_too_long() {
        let error = ClientError::Throttled {
            retry_after: Some(Duration::from_secs(7)),
            request_id: None,
        };
        let delay = Some(Duration::from_millis(200));
        assert_eq!(adjust(&error, delay, None), Some(Duration::from_secs(7)));
        assert_eq!(adjust(&error, delay, Some(Duration::from_secs(5))), None);
        assert_eq!(adjust(&error, None, None), None);
        assert_eq!(adjust(&transport(true), delay, None), delay);
    }
}
