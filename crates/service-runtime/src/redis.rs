//! The Redis pool. Redis holds nothing that cannot be made again, so its absence is a limit and not a failure.

use deadpool_redis::{Config, Pool, PoolConfig, Runtime, Timeouts};
use secrecy::ExposeSecret;

use crate::config::{RedisConfig, is_empty};

/// Why there is no pool.
#[derive(Debug, thiserror::Error)]
#[error("REDIS_URL is no address of a Redis server: {0}")]
pub struct RedisError(String);

/// A pool that connects when it is used; `None` when no address is configured.
///
/// # Errors
/// When the address cannot be read.
pub fn pool(config: &RedisConfig) -> Result<Option<Pool>, RedisError> {
    if is_empty(&config.url) {
        return Ok(None);
    }
    let timeout = Some(config.timeout());
    let mut pool_config = PoolConfig::new(config.pool_size);
    pool_config.timeouts = Timeouts {
        wait: timeout,
        create: timeout,
        recycle: timeout,
    };
    let mut redis = Config::from_url(config.url.expose_secret());
    redis.pool = Some(pool_config);
    redis
        .create_pool(Some(Runtime::Tokio1))
        .map(Some)
        .map_err(|error| RedisError(error.to_string()))
}

/// Whether Redis answers.
///
/// # Errors
/// What is wrong, in words without the address.
pub async fn ping(pool: &Pool) -> Result<(), String> {
    let mut connection = pool.get().await.map_err(|_| "cannot connect".to_owned())?;
    deadpool_redis::redis::cmd("PING")
        .query_async::<String>(&mut connection)
        .await
        .map(|_| ())
        .map_err(|error| error.category().to_owned())
}
