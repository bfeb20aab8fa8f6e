use bytes::Bytes;
use deadpool_redis::Pool;
use deadpool_redis::redis::{Pipeline, cmd, pipe};
use domain::Iccid;
use service_runtime::metrics::Metrics;

use super::entry::{StoredSim, tombstone};
use super::{CachedSim, Change};
use crate::config::GatewayConfig;
use crate::redis_link::RedisLink;

/// Sets a value unless a newer revision lies there; `strict` also keeps one that is as new.
const SET_IF_NEWER: &str = "
local old = redis.call('GETRANGE', KEYS[1], 0, 20)
local new = string.sub(ARGV[1], 1, 21)
local strict = ARGV[3] == '1'
if string.sub(old, 1, 1) == '2' and (old > new or (strict and old == new)) then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1";

/// SIMs in Redis, shared by all gateways. A slow or missing Redis costs at most one short wait a second.
pub struct RemoteCache {
    link: RedisLink,
    prefix: String,
    ttl_ms: u64,
}

impl RemoteCache {
    pub fn new(pool: Pool, prefix: &str, config: &GatewayConfig, metrics: &Metrics) -> Self {
        let failures = metrics.counter("simward_cache_total", &[("layer", "redis"), ("result", "error")]);
        Self {
            link: RedisLink::new(pool, config.cache.redis_cache_timeout_ms, failures),
            prefix: format!("{prefix}:sim:"),
            ttl_ms: config.cache.redis_cache_ttl_ms,
        }
    }

    pub async fn get(&self, iccid: Iccid) -> Option<StoredSim> {
        let key = self.key(iccid);
        let bytes: Option<Vec<u8>> = self
            .link
            .guarded(async {
                let mut connection = self.link.pool.get().await?;
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
        self.link
            .guarded(async {
                let mut connection = self.link.pool.get().await?;
                Ok(pipeline.query_async::<()>(&mut connection).await?)
            })
            .await
            .is_some()
    }

    fn key(&self, iccid: Iccid) -> String {
        format!("{}{iccid}", self.prefix)
    }
}
