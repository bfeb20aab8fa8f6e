use metrics::Counter;
use service_runtime::metrics::Metrics;

use crate::error::{ApiCode, ApiError};

/// Logins by result, and what became of sessions.
pub struct IdentityCounts {
    ok: Counter,
    refused: Counter,
    throttled: Counter,
    error: Counter,
    pub refreshed: Counter,
    pub reused: Counter,
    pub logged_out: Counter,
}

impl IdentityCounts {
    pub fn new(metrics: &Metrics) -> Self {
        let login = |result| metrics.counter("simward_logins_total", &[("result", result)]);
        let session = |event| metrics.counter("simward_sessions_total", &[("event", event)]);
        Self {
            ok: login("ok"),
            refused: login("refused"),
            throttled: login("throttled"),
            error: login("error"),
            refreshed: session("refreshed"),
            reused: session("reused"),
            logged_out: session("logged_out"),
        }
    }

    pub fn login<T>(&self, outcome: &Result<T, ApiError>) {
        let counter = match outcome {
            Ok(_) => &self.ok,
            Err(error) => match error.code {
                ApiCode::Unauthorized => &self.refused,
                ApiCode::RateLimited => &self.throttled,
                _ => &self.error,
            },
        };
        counter.increment(1);
    }
}
