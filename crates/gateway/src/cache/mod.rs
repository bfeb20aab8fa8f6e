//! Two layers of cached SIMs, kept honest by the events about them.
//!
//! A layer never replaces a newer revision with an older one, and nothing that was read before a gap in the stream
//! of events is believed after it.

mod entry;
mod events;
mod local;
mod remote;
mod replicas;
mod tag;
mod trust;

use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use deadpool_redis::Pool;
use domain::Iccid;
use metrics::Counter;
use serde::{Deserialize, Serialize};
use service_runtime::metrics::Metrics;

pub use entry::CachedSim;
pub(crate) use events::follow_events;
use local::LocalCache;
use remote::RemoteCache;
pub(crate) use replicas::{Membership, Replicas, join_replicas};
pub use tag::Tag;
use trust::{Lease, Trust};

use crate::config::GatewayConfig;

/// A moment before a SIM was read; what was read before a gap is not stored after it.
#[derive(Debug, Clone, Copy)]
pub struct ReadStart(i64);

impl ReadStart {
    pub fn now() -> Self {
        Self(Utc::now().timestamp_millis())
    }
}

/// The longest reading, and the longest wait of what it then says for its turn: it may bring an older revision.
const LONGEST_READING: Duration = Duration::from_secs(30);

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
    /// How long the other replicas count on this one's word that it forgot what they changed.
    lease: Lease,
    counts: Counts,
}

impl SimCache {
    pub fn new(config: &GatewayConfig, redis: Option<Pool>, prefix: &str, metrics: &Metrics) -> Self {
        let count =
            |layer, result| metrics.counter("simward_cache_total", &[("layer", layer), ("result", result)]);
        let ttl = Duration::from_millis(config.cache.cache_ttl_ms);
        // What an earlier reading left in Redis may be found there until its end.
        let longest = LONGEST_READING + Duration::from_millis(config.cache.redis_cache_ttl_ms);
        Self {
            local: LocalCache::new(config.cache.cache_bytes, ttl, longest),
            remote: redis.map(|pool| RemoteCache::new(pool, prefix, config, metrics)),
            trust: Trust::default(),
            remote_trust: Trust::from_now(),
            lease: Lease::default(),
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
        let found = self.local.get(iccid).filter(|_| self.lease.holds());
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
                self.lease.holds()
                    && self.trust.covers(stored.read_at_ms)
                    && self.remote_trust.covers(stored.read_at_ms)
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

    /// Stores what was just read in this process's memory, unless something newer was announced meanwhile; `true`: it
    /// may go to Redis too, by [`SimCache::put_remote`], behind the answer.
    #[must_use = "Redis is to be filled too"]
    pub fn put_local(&self, iccid: Iccid, sim: &CachedSim, since: ReadStart) -> bool {
        if !self.trust.covers(since.0) || !self.local.put(iccid, sim.clone()) {
            return false;
        }
        // A gap that began in between has emptied the memory already; what was put after it goes too.
        if !self.trust.covers(since.0) {
            self.local.forget(iccid);
            return false;
        }
        self.remote.is_some()
    }

    /// Stores it in Redis, which keeps what is newer there.
    pub async fn put_remote(&self, iccid: Iccid, sim: &CachedSim, since: ReadStart) {
        if let Some(remote) = &self.remote {
            remote.put(iccid, sim, since.0).await;
        }
    }

    #[cfg(test)]
    async fn put(&self, iccid: Iccid, sim: CachedSim, since: ReadStart) {
        if self.put_local(iccid, &sim, since) {
            self.put_remote(iccid, &sim, since).await;
        }
    }

    /// Forgets everything older than the announced revisions.
    pub async fn invalidate(&self, changes: &[Change]) {
        self.bury(changes);
        if let Some(remote) = &self.remote
            && !remote.bury(changes).await
        {
            self.remote_trust.restart();
        }
    }

    /// The same in this process's memory, which then does not take it from Redis either.
    fn bury(&self, changes: &[Change]) {
        for change in changes {
            match change.revision {
                Some(revision) => self.local.bury(change.iccid, revision),
                None => self.local.forget(change.iccid),
            }
        }
    }

    /// What was read before now may be old, and is not stored any more.
    fn forget_all(&self) {
        self.trust.advance();
        self.local.clear();
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    pub iccid: Iccid,
    pub revision: Option<i64>,
}

/// Shared by the tasks that fill and follow.
pub type SharedCache = Arc<SimCache>;

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
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
        let cache = SimCache::new(&config, redis, "test", &Metrics::new().unwrap());
        cache.lease.renew(trust::clock_ms());
        cache
    }

    fn iccid(tail: i64) -> Iccid {
        Iccid::from_i64(8_988_999_000_000_000_000 + tail).unwrap()
    }

    fn sim() -> CachedSim {
        CachedSim::new(1, OrganizationId::DEFAULT, Bytes::from_static(b"{}"))
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

    #[tokio::test]
    async fn memory_is_not_believed_once_the_others_may_not_count_on_it() {
        let cache = cache();
        cache.start_trusting();
        cache.put(iccid(1), sim(), ReadStart::now()).await;
        assert!(cache.local(iccid(1)).is_some());
        cache.lease.end();
        assert!(cache.local(iccid(1)).is_none());
    }

    #[tokio::test]
    async fn a_gap_in_what_replicas_say_does_not_lift_the_distrust_of_a_gap_in_the_events() {
        let cache = cache();
        cache.stop_trusting();
        cache.forget_all();
        cache.put(iccid(1), sim(), ReadStart::now()).await;
        assert!(cache.local(iccid(1)).is_none());
    }
}
