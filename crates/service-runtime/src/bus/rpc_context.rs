use std::time::{Duration, Instant};

use async_nats::HeaderMap;
use async_nats::service::Request;

use super::rpc_client::{DEADLINE_HEADER, EXPIRES_HEADER, REQUEST_ID_HEADER, RpcError};
use super::turns::CallTurn;

const DEFAULT_DEADLINE: Duration = Duration::from_secs(10);
const MAX_DEADLINE: Duration = Duration::from_secs(120);
/// How far the clocks of caller and service may be apart. A call that is later than its own expiry and this lay in a
/// queue, so its caller was told long ago that it failed: it is dropped.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(5);

/// What a handler knows about its caller.
#[derive(Debug, Clone)]
pub struct RpcContext {
    /// The id of the request that a person made; empty when none did.
    pub request_id: String,
    /// When the caller stops waiting.
    pub deadline: Instant,
    pub(super) turn: CallTurn,
}

impl RpcContext {
    /// `None` when the caller stopped waiting so long ago that no difference of clocks explains it. `now` and `utc_ms` are
    /// the same moment by two clocks.
    pub(super) fn of(headers: Option<&HeaderMap>, now: Instant, utc_ms: i64, turn: CallTurn) -> Option<Self> {
        let text = |name: &str| {
            headers
                .and_then(|headers| headers.get(name))
                .map(|value| value.as_str())
        };
        let mut allowed = text(DEADLINE_HEADER)
            .and_then(|value| value.parse().ok())
            .map_or(DEFAULT_DEADLINE, Duration::from_millis)
            .min(MAX_DEADLINE);
        // Callers of an older version send none.
        if let Some(expires) = text(EXPIRES_HEADER).and_then(|value| value.parse::<i64>().ok()) {
            let left = expires.saturating_sub(utc_ms);
            let left = left.saturating_add(CLOCK_TOLERANCE.as_millis() as i64);
            allowed = allowed.min(Duration::from_millis(u64::try_from(left).ok()?));
        }
        Some(Self {
            request_id: text(REQUEST_ID_HEADER).unwrap_or_default().to_owned(),
            deadline: now + allowed,
            turn,
        })
    }

    /// What is done next waits for somebody else, such as 1NCE: from now on other reads need not wait for this call.
    ///
    /// # Errors
    /// [`ErrorCode::Unavailable`](messages::ErrorCode::Unavailable) when too many calls do.
    pub async fn waits_for_others(&self) -> Result<(), RpcError> {
        self.turn.move_to_actions(self.deadline).await
    }

    /// What is left until the caller stops waiting.
    pub fn remaining(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }
}

/// A call carries a deadline. What JetStream delivers on request of a read-only login does not: such a login can name
/// any subject as its consumer's, and must not reach a service that way.
pub(super) fn is_call(request: &Request) -> bool {
    request
        .message
        .headers
        .as_ref()
        .is_some_and(|headers| headers.get(DEADLINE_HEADER).is_some())
}

#[cfg(test)]
mod tests {
    use super::super::turns::Turns;
    use super::*;

    const NOW: i64 = 1_800_000_000_000;

    /// What a call may take that allows itself three seconds and expires at `NOW + expires`.
    fn allowed(expires: Option<i64>) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        headers.insert(DEADLINE_HEADER, "3000");
        if let Some(expires) = expires {
            headers.insert(EXPIRES_HEADER, (NOW + expires).to_string().as_str());
        }
        let now = Instant::now();
        let turn = CallTurn::new(&Turns::new(1));
        RpcContext::of(Some(&headers), now, NOW, turn).map(|context| context.deadline - now)
    }

    #[test]
    fn a_call_that_lay_in_a_queue_is_dropped_and_clocks_may_differ() {
        assert_eq!(allowed(Some(-60_000)), None);
        assert_eq!(allowed(Some(-4_000)), Some(Duration::from_secs(1)));
        for expires in [Some(3_000), Some(-2_000), Some(60_000), None] {
            assert_eq!(allowed(expires), Some(Duration::from_secs(3)), "{expires:?}");
        }
    }
}
