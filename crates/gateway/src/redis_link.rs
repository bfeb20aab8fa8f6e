use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::Utc;
use deadpool_redis::redis::RedisError;
use deadpool_redis::redis::aio::MultiplexedConnection;
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
///
/// All questions share one connection, which the pool checks when it hands it out and not before every question.
pub struct RedisLink {
    pool: Pool,
    shared: Mutex<Option<MultiplexedConnection>>,
    limit: Duration,
    /// 0 while Redis answers; otherwise the time before which nobody asks.
    paused_until_ms: AtomicI64,
    failures: Counter,
}

impl RedisLink {
    pub fn new(pool: Pool, limit_ms: u64, failures: Counter) -> Self {
        Self {
            pool,
            shared: Mutex::default(),
            limit: Duration::from_millis(limit_ms),
            paused_until_ms: AtomicI64::new(0),
            failures,
        }
    }

    /// What Redis answers; `None` when it does not in time, which is counted, or is left alone.
    pub async fn guarded<T>(
        &self,
        question: impl AsyncFnOnce(&mut MultiplexedConnection) -> Result<T, RedisError>,
    ) -> Option<T> {
        if !self.may_ask() {
            return None;
        }
        let asked = async {
            let mut connection = self.connection().await?;
            Ok::<_, RemoteError>(question(&mut connection).await?)
        };
        match tokio::time::timeout(self.limit, asked).await {
            Ok(Ok(value)) => {
                self.paused_until_ms.store(0, Ordering::Relaxed);
                Some(value)
            }
            Ok(Err(error)) => self.pause(&error),
            Err(_) => self.pause(&"no answer in time"),
        }
    }

    async fn connection(&self) -> Result<MultiplexedConnection, RemoteError> {
        if let Some(connection) = self.lock().clone() {
            return Ok(connection);
        }
        // The clone goes on when the pool has its connection back.
        let connection = MultiplexedConnection::clone(&*self.pool.get().await?);
        *self.lock() = Some(connection.clone());
        Ok(connection)
    }

    fn lock(&self) -> MutexGuard<'_, Option<MultiplexedConnection>> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
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
        *self.lock() = None;
        let until = Utc::now().timestamp_millis() + PAUSE_MS;
        if self.paused_until_ms.swap(until, Ordering::Relaxed) == 0 {
            tracing::warn!(%error, "Redis fails, going on without it");
        }
        self.failures.increment(1);
        None
    }
}
