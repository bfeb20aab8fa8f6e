use bytes::Bytes;
use deadpool_redis::Pool;
use deadpool_redis::redis::{Pipeline, Script, cmd, pipe};
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
    set_if_newer: Script,
    prefix: String,
    ttl_ms: u64,
}

impl RemoteCache {
    pub fn new(pool: Pool, prefix: &str, config: &GatewayConfig, metrics: &Metrics) -> Self {
        let failures = metrics.counter("simward_cache_total", &[("layer", "redis"), ("result", "error")]);
        Self {
            link: RedisLink::new(pool, config.cache.redis_cache_timeout_ms, failures),
            set_if_newer: Script::new(SET_IF_NEWER),
            prefix: format!("{prefix}:sim:"),
            ttl_ms: config.cache.redis_cache_ttl_ms,
        }
    }

    pub async fn get(&self, iccid: Iccid) -> Option<StoredSim> {
        let key = self.key(iccid);
        let bytes: Option<Vec<u8>> = self
            .link
            .guarded(async |connection| cmd("GET").arg(key).query_async(connection).await)
            .await?;
        StoredSim::decode(&Bytes::from(bytes?))
    }

    /// Stores a SIM unless a newer one lies there.
    pub async fn put(&self, iccid: Iccid, sim: &CachedSim, read_at_ms: i64) {
        let stored = StoredSim {
            read_at_ms,
            sim: sim.clone(),
        };
        let mut call = self.set_if_newer.key(self.key(iccid));
        call.arg(stored.encode()).arg(self.ttl_ms).arg("0");
        let stored = self
            .link
            .guarded(async |connection| call.invoke_async::<()>(connection).await);
        if stored.await.is_none() {
            tracing::debug!(%iccid, "a SIM was not stored in Redis: the next reader misses it");
        }
    }

    /// Forgets everything older than the announced revisions; `false` when Redis could not be told.
    pub async fn bury(&self, changes: &[Change]) -> bool {
        let mut pipeline = pipe();
        // Redis may have been restarted; loading what it knows costs it a hash.
        pipeline.cmd("SCRIPT").arg("LOAD").arg(SET_IF_NEWER).ignore();
        for change in changes {
            match change.revision {
                Some(revision) => self.bury_older(&mut pipeline, change.iccid, &tombstone(revision)),
                None => {
                    pipeline.cmd("DEL").arg(self.key(change.iccid)).ignore();
                }
            }
        }
        changes.is_empty() || self.send(&pipeline).await
    }

    fn bury_older(&self, pipeline: &mut Pipeline, iccid: Iccid, tombstone: &[u8]) {
        pipeline
            .cmd("EVALSHA")
            .arg(self.set_if_newer.get_hash())
            .arg(1)
            .arg(self.key(iccid))
            .arg(tombstone)
            .arg(self.ttl_ms)
            .arg("1")
            .ignore();
    }

    async fn send(&self, pipeline: &Pipeline) -> bool {
        let sent = self
            .link
            .guarded(async |connection| pipeline.query_async::<()>(connection).await);
        sent.await.is_some()
    }

    fn key(&self, iccid: Iccid) -> String {
        format!("{}{iccid}", self.prefix)
    }
}
