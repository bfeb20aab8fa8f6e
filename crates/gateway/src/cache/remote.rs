use std::future::Future;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use chrono::Utc;
use deadpool_redis::redis::{Pipeline, RedisError, cmd, pipe};
use deadpool_redis::{Pool, PoolError};
use domain::Iccid;
use metrics::Counter;
use service_runtime::metrics::Metrics;

use super::entry::{StoredSim, tombstone};
use super::{CachedSim, Change};
use crate::config::GatewayConfig;

/// After a failure Redis is left alone that long; then one request tries again.
const PAUSE_MS: i64 = 1000;

/// Sets a value unless a newer revision lies there; `strict` also keeps one that is as new.
const SET_IF_NEWER: &str = "
local old = redis.call('GETRANGE', KEYS[1], 0, 20)
local new = string.sub(ARGV[1], 1, 21)
local strict = ARGV[3] == '1'
if string.sub(old, 1, 1) == '2' and (old > new or (strict and old == new)) then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1";

#[derive(Debug, thiserror::Error)]
enum RemoteError {
    #[error("no connection: {0}")]
    Pool(#[from] PoolError),
    #[error("{}", .0.category())]
    Redis(#[from] RedisError),
}

/// SIMs in Redis, shared by all gateways. A slow or missing Redis costs at most one short wait a second.
pub struct RemoteCache {
    pool: Pool,
    prefix: String,
    ttl_ms: u64,
    limit: Duration,
    /// 0 while Redis answers; otherwise the time before which nobody asks.
    paused_until_ms: AtomicI64,
    failures: Counter,
}

impl RemoteCache {
    pub fn new(pool: Pool, prefix: &str, config: &GatewayConfig, metrics: &Metrics) -> Self {
        Self {
            pool,
            prefix: format!("{prefix}:sim:"),
            ttl_ms: config.redis_cache_ttl_ms,
            limit: Duration::from_millis(config.redis_cache_timeout_ms),
            paused_until_ms: AtomicI64::new(0),
            failures: metrics.counter("simward_cache_total", &[("layer", "redis"), ("result", "error")]),
        }
    }

    pub async fn get(&self, iccid: Iccid) -> Option<StoredSim> {
        let key = self.key(iccid);
        let bytes: Option<Vec<u8>> = self
            .guarded(async {
                let mut connection = self.pool.get().await?;
                Ok(cmd("GET").arg(key).query_async(&mut connection).await?)
            })
            .await?;
        StoredSim::decode(&Bytes::from(bytes?))
    }

    /// Stores a SIM unless a newer one lies there.
    pub async fn put(&self, iccid: Iccid, sim: &CachedSim, read_at_ms: i64) {
        let stored = StoredSim {
            read_at_ms,
            sim: sim.clone(),
        };
        let mut pipeline = pipe();
        self.set_if_newer(&mut pipeline, iccid, &stored.encode(), false);
        // A failed fill is a miss next time, nothing worse; `guarded` counts it.
        self.send(&pipeline).await;
    }

    /// Forgets everything older than the announced revisions; `false` when Redis could not be told.
    pub async fn bury(&self, changes: &[Change]) -> bool {
        let mut pipeline = pipe();
        for change in changes {
            match change.revision {
                Some(revision) => self.set_if_newer(&mut pipeline, change.iccid, &tombstone(revision), true),
                None => {
                    pipeline.cmd("DEL").arg(self.key(change.iccid)).ignore();
                }
            }
        }
        changes.is_empty() || self.send(&pipeline).await
    }

    fn set_if_newer(&self, pipeline: &mut Pipeline, iccid: Iccid, value: &[u8], strict: bool) {
        pipeline
            .cmd("EVAL")
            .arg(SET_IF_NEWER)
            .arg(1)
            .arg(self.key(iccid))
            .arg(value)
            .arg(self.ttl_ms)
            .arg(if strict { "1" } else { "0" })
            .ignore();
    }

    async fn send(&self, pipeline: &Pipeline) -> bool {
        self.guarded(async {
            let mut connection = self.pool.get().await?;
            Ok(pipeline.query_async::<()>(&mut connection).await?)
        })
        .await
        .is_some()
    }

    fn key(&self, iccid: Iccid) -> String {
        format!("{}{iccid}", self.prefix)
    }

    async fn guarded<T>(&self, operation: impl Future<Output = Result<T, RemoteError>>) -> Option<T> {
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
