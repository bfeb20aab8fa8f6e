//! Two layers of cached SIMs, kept honest by the events about them.
//!
//! A layer never replaces a newer revision with an older one, and nothing that was read before a gap in the stream
//! of events is believed after it.

mod entry;
mod events;
mod local;
mod remote;
mod trust;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chrono::Utc;
use deadpool_redis::Pool;
use domain::Iccid;
use metrics::Counter;
use service_runtime::metrics::Metrics;

pub use entry::CachedSim;
pub(crate) use events::follow_events;
use local::LocalCache;
use remote::RemoteCache;
use trust::Trust;

use crate::config::GatewayConfig;

/// A moment before a SIM was read; what was read before a gap is not stored after it.
#[derive(Debug, Clone, Copy)]
pub struct ReadStart(i64);

impl ReadStart {
    pub fn now() -> Self {
        Self(Utc::now().timestamp_millis())
    }
}

struct Counts {
    local_hit: Counter,
    local_miss: Counter,
    redis_hit: Counter,
    redis_miss: Counter,
}

/// Process memory, then Redis.
pub struct SimCache {
    local: LocalCache,
    remote: Option<RemoteCache>,
    trust: Trust,
    /// Since when Redis was told of every change; what lies in it from before may be old. Memory needs no Redis.
    remote_trust: Trust,
    counts: Counts,
}

impl SimCache {
    pub fn new(config: &GatewayConfig, redis: Option<Pool>, prefix: &str, metrics: &Metrics) -> Self {
        let count =
            |layer, result| metrics.counter("simward_cache_total", &[("layer", layer), ("result", result)]);
        Self {
            local: LocalCache::new(config.cache_bytes, Duration::from_millis(config.cache_ttl_ms)),
            remote: redis.map(|pool| RemoteCache::new(pool, prefix, config, metrics)),
            trust: Trust::default(),
            remote_trust: Trust::from_now(),
            counts: Counts {
                local_hit: count("process", "hit"),
                local_miss: count("process", "miss"),
                redis_hit: count("redis", "hit"),
                redis_miss: count("redis", "miss"),
            },
        }
    }

    /// The SIM in this process's memory.
    pub fn local(&self, iccid: Iccid) -> Option<CachedSim> {
        let found = self.local.get(iccid);
        let count = if found.is_some() {
            &self.counts.local_hit
        } else {
            &self.counts.local_miss
        };
        count.increment(1);
        found
    }

    /// The SIM in Redis, which then also comes into memory.
    pub async fn remote(&self, iccid: Iccid) -> Option<CachedSim> {
        let remote = self.remote.as_ref()?;
        let found = remote
            .get(iccid)
            .await
            .filter(|stored| {
                self.trust.covers(stored.read_at_ms) && self.remote_trust.covers(stored.read_at_ms)
            })
            .filter(|stored| self.local.put(iccid, stored.sim.clone()))
            .map(|stored| stored.sim);
        let count = if found.is_some() {
            &self.counts.redis_hit
        } else {
            &self.counts.redis_miss
        };
        count.increment(1);
        found
    }

    /// Stores what was just read in both layers, unless something newer was announced meanwhile.
    pub async fn put(&self, iccid: Iccid, sim: CachedSim, since: ReadStart) {
        if !self.trust.covers(since.0) || !self.local.put(iccid, sim.clone()) {
            return;
        }
        // A gap that began in between has emptied the memory already; what was put after it goes too.
        if !self.trust.covers(since.0) {
            self.local.forget(iccid);
            return;
        }
        if let Some(remote) = &self.remote {
            remote.put(iccid, &sim, since.0).await;
        }
    }

    /// Forgets everything older than the announced revisions.
    pub async fn invalidate(&self, changes: &[Change]) {
        for change in changes {
            match change.revision {
                Some(revision) => self.local.bury(change.iccid, revision),
                None => self.local.forget(change.iccid),
            }
        }
        if let Some(remote) = &self.remote
            && !remote.bury(changes).await
        {
            self.remote_trust.restart();
        }
    }

    /// Nothing is cached while events cannot arrive.
    pub fn stop_trusting(&self) {
        self.trust.stop();
        self.local.clear();
    }

    /// Events arrive again: what is read from now on may be cached.
    pub fn start_trusting(&self) {
        self.local.clear();
        self.trust.restart();
    }
}

/// A SIM that changed; without a revision when the event is of a newer version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    pub iccid: Iccid,
    pub revision: Option<i64>,
}

/// Shared by the tasks that fill and follow.
pub type SharedCache = Arc<SimCache>;

/// The `data` part of an answer, serialized.
pub type Data = Bytes;

#[cfg(test)]
mod tests {
    use super::*;
    use domain::OrganizationId;
    use service_runtime::config::Settings;

    /// A cache whose Redis is gone.
    fn cache() -> SimCache {
        let variable = |name: &str| match name {
            "SIMWARD_KEY_SECRET" => Some("x".repeat(32)),
            "REDIS_URL" => Some("redis://127.0.0.1:1".to_owned()),
            _ => None,
        };
        let settings = Settings::build(&[crate::DEFAULTS], &crate::SHORT_NAMES, variable).unwrap();
        let redis = service_runtime::redis::pool(&settings.section("redis").unwrap()).unwrap();
        assert!(redis.is_some());
        let config = GatewayConfig::from_settings(&settings).unwrap();
        SimCache::new(&config, redis, "test", &Metrics::new().unwrap())
    }

    fn iccid(tail: i64) -> Iccid {
        Iccid::from_i64(8_988_999_000_000_000_000 + tail).unwrap()
    }

    fn sim() -> CachedSim {
        CachedSim {
            revision: 1,
            organization: OrganizationId::DEFAULT,
            data: Bytes::from_static(b"{}"),
        }
    }

    async fn other_sim_changes(cache: &SimCache) {
        let change = Change {
            iccid: iccid(2),
            revision: Some(7),
        };
        cache.invalidate(&[change]).await;
    }

    #[tokio::test]
    async fn memory_keeps_what_was_read_while_redis_is_gone_and_other_sims_change() {
        let cache = cache();
        cache.start_trusting();
        let since = ReadStart::now();
        while cache.remote_trust.covers(since.0) {
            other_sim_changes(&cache).await;
        }
        cache.put(iccid(1), sim(), since).await;
        assert!(cache.local(iccid(1)).is_some());
    }

    #[tokio::test]
    async fn an_event_that_redis_missed_does_not_lift_the_distrust_of_a_gap() {
        let cache = cache();
        cache.stop_trusting();
        other_sim_changes(&cache).await;
        cache.put(iccid(1), sim(), ReadStart::now()).await;
        assert!(cache.local(iccid(1)).is_none());
    }
}
