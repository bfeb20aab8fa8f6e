use std::future::Future;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use chrono::Utc;
use deadpool_redis::redis::RedisError;
use deadpool_redis::{Pool, PoolError};
use metrics::Counter;

/// After a failure Redis is left alone that long; then one request tries again.
const PAUSE_MS: i64 = 1000;

#[derive(Debug, thiserror::Error)]
pub enum RemoteError {
    #[error("no connection: {0}")]
    Pool(#[from] PoolError),
    #[error("{}", .0.category())]
    Redis(#[from] RedisError),
}

/// The way to a Redis that may be slow or missing: that costs at most one short wait a second.
pub struct RedisLink {
    pub pool: Pool,
    limit: Duration,
    /// 0 while Redis answers; otherwise the time before which nobody asks.
    paused_until_ms: AtomicI64,
    failures: Counter,
}

impl RedisLink {
    pub fn new(pool: Pool, limit_ms: u64, failures: Counter) -> Self {
        Self {
            pool,
            limit: Duration::from_millis(limit_ms),
            paused_until_ms: AtomicI64::new(0),
            failures,
        }
    }

    /// What Redis answers; `None` when it does not in time, which is counted, or is left alone.
    pub async fn guarded<T>(&self, operation: impl Future<Output = Result<T, RemoteError>>) -> Option<T> {
        if !self.may_ask() {
            return None;
        }
        match tokio::time::timeout(self.limit, operation).await {
            Ok(Ok(value)) => {
                self.paused_until_ms.store(0, Ordering::Relaxed);
                Some(value)
            }
            Ok(Err(error)) => self.pause(&error),
            Err(_) => self.pause(&"no answer in time"),
        }
    }

    /// While Redis is paused, the first one after the pause may try; it renews the pause for the others.
    fn may_ask(&self) -> bool {
        let until = self.paused_until_ms.load(Ordering::Relaxed);
        if until == 0 {
            return true;
        }
        let now = Utc::now().timestamp_millis();
        now >= until
            && self
                .paused_until_ms
                .compare_exchange(until, now + PAUSE_MS, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
    }

    fn pause<T>(&self, error: &dyn std::fmt::Display) -> Option<T> {
        let until = Utc::now().timestamp_millis() + PAUSE_MS;
        if self.paused_until_ms.swap(until, Ordering::Relaxed) == 0 {
            tracing::warn!(%error, "Redis fails, going on without it");
        }
        self.failures.increment(1);
        None
    }
}
