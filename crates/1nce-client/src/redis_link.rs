//! One connection to Redis, shared by everything in this process, with a short timeout on every use.
//!
//! The connection is taken out of the pool once: the pool would otherwise spend a PING on each use, and the
//! budget is to cost one round trip.

use std::time::Duration;

use deadpool_redis::redis::aio::MultiplexedConnection;
use deadpool_redis::redis::{FromRedisValue, RedisError, ScriptInvocation};
use deadpool_redis::{Connection, Pool};
use tokio::sync::Mutex;
use tokio::time::timeout;

/// Why Redis could not be used; the caller goes on without it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LinkError {
    #[error("Redis did not answer in time")]
    Slow,
    #[error("no connection to Redis: {0}")]
    Connect(#[from] deadpool_redis::PoolError),
    #[error("Redis: {0}")]
    Redis(#[from] RedisError),
}

pub(crate) struct RedisLink {
    pool: Pool,
    limit: Duration,
    connection: Mutex<Option<MultiplexedConnection>>,
}

impl RedisLink {
    pub(crate) fn new(pool: Pool, limit: Duration) -> Self {
        Self {
            pool,
            limit,
            connection: Mutex::new(None),
        }
    }

    /// Runs a script in one round trip.
    pub(crate) async fn script<T: FromRedisValue>(
        &self,
        script: &ScriptInvocation<'_>,
    ) -> Result<T, LinkError> {
        self.run(async |mut connection| script.invoke_async(&mut connection).await)
            .await
    }

    /// Runs commands on the shared connection; a failure drops the connection, so that the next use opens another.
    pub(crate) async fn run<T, F>(&self, work: F) -> Result<T, LinkError>
    where
        F: AsyncFnOnce(MultiplexedConnection) -> Result<T, RedisError>,
    {
        let whole = async {
            let connection = self.connection().await?;
            work(connection).await.map_err(LinkError::from)
        };
        let result = timeout(self.limit, whole).await.unwrap_or(Err(LinkError::Slow));
        if result.is_err() {
            // Whoever is opening a new one right now keeps the lock; then there is nothing to drop.
            if let Ok(mut slot) = self.connection.try_lock() {
                *slot = None;
            }
        }
        result
    }

    async fn connection(&self) -> Result<MultiplexedConnection, LinkError> {
        let mut slot = self.connection.lock().await;
        if let Some(connection) = slot.as_ref() {
            return Ok(connection.clone());
        }
        let fresh = Connection::take(self.pool.get().await?);
        *slot = Some(fresh.clone());
        Ok(fresh)
    }
}
