use metrics::Counter;
use service_runtime::metrics::Metrics;

use crate::error::{ApiCode, ApiError};

/// How authentication went, counted.
pub struct AuthCounts {
    ok: Counter,
    no_key: Counter,
    invalid: Counter,
    forbidden: Counter,
    error: Counter,
}

impl AuthCounts {
    pub fn new(metrics: &Metrics) -> Self {
        let count = |result| metrics.counter("simward_auth_total", &[("result", result)]);
        Self {
            ok: count("ok"),
            no_key: count("no_key"),
            invalid: count("invalid"),
            forbidden: count("forbidden"),
            error: count("error"),
        }
    }

    /// Counts one outcome; `named`: credentials were sent.
    pub fn note<T>(&self, outcome: &Result<T, ApiError>, named: bool) {
        let counter = match outcome {
            Ok(_) => &self.ok,
            Err(error) => match error.code {
                ApiCode::Unauthorized if !named => &self.no_key,
                ApiCode::Unauthorized | ApiCode::InvalidApiKey => &self.invalid,
                ApiCode::Forbidden => &self.forbidden,
                _ => &self.error,
            },
        };
        counter.increment(1);
    }
}
