use std::time::Duration;

use domain::Iccid;
use moka::ops::compute::Op;
use moka::policy::EvictionPolicy;
use moka::sync::Cache;

use super::CachedSim;

/// What an entry costs beside its bytes.
const OVERHEAD: usize = 160;
/// Changes that are remembered; beyond them the oldest is forgotten.
const TOMBSTONES: u64 = 256 * 1024;

/// SIMs in this process's memory, bounded by their bytes.
pub struct LocalCache {
    sims: Cache<i64, CachedSim>,
    /// Everything older than this revision is gone. Apart from the SIMs, so that a full memory cannot drop them. The
    /// lock that moka holds on the key while it computes makes one step of looking here and changing `sims`.
    tombstones: Cache<i64, i64>,
}

impl LocalCache {
    /// `bytes` of SIMs, each for `ttl`. A reading may arrive `longest_reading` after its SIM was announced as changed.
    pub fn new(bytes: u64, ttl: Duration, longest_reading: Duration) -> Self {
        let weigh = |_: &i64, sim: &CachedSim| u32::try_from(sim.data.len() + OVERHEAD).unwrap_or(u32::MAX);
        let sims = Cache::builder()
            .max_capacity(bytes)
            .weigher(weigh)
            .time_to_live(ttl);
        let tombstones = Cache::builder()
            .max_capacity(TOMBSTONES)
            .eviction_policy(EvictionPolicy::lru())
            .time_to_live(longest_reading);
        Self {
            sims: sims.build(),
            tombstones: tombstones.build(),
        }
    }

    pub fn get(&self, iccid: Iccid) -> Option<CachedSim> {
        self.sims.get(&iccid.as_i64())
    }

    /// Stores a SIM; `false` when a newer revision is known.
    pub fn put(&self, iccid: Iccid, sim: CachedSim) -> bool {
        let key = iccid.as_i64();
        let mut newest = true;
        self.tombstones.entry(key).and_compute_with(|buried| {
            let known = self.sims.get(&key).map(|known| known.revision);
            let known = known.max(buried.map(moka::Entry::into_value));
            newest = known.is_none_or(|known| known <= sim.revision);
            if newest {
                self.sims.insert(key, sim);
            }
            Op::Nop
        });
        newest
    }

    /// Forgets everything older than this revision, now and for a while.
    pub fn bury(&self, iccid: Iccid, revision: i64) {
        let key = iccid.as_i64();
        self.tombstones.entry(key).and_compute_with(|buried| {
            if self.sims.get(&key).is_some_and(|sim| sim.revision < revision) {
                self.sims.invalidate(&key);
            }
            if buried.is_none_or(|buried| buried.into_value() < revision) {
                Op::Put(revision)
            } else {
                Op::Nop
            }
        });
    }

    pub fn forget(&self, iccid: Iccid) {
        self.sims.invalidate(&iccid.as_i64());
    }

    /// Forgets every SIM. What is known to be gone stays so.
    pub fn clear(&self) {
        self.sims.invalidate_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use domain::OrganizationId;

    const SECONDS: Duration = Duration::from_secs(10);

    fn sim(revision: i64) -> CachedSim {
        CachedSim::new(revision, OrganizationId::DEFAULT, Bytes::from_static(b"{}"))
    }

    fn cache() -> (LocalCache, Iccid) {
        let iccid = Iccid::parse("8988999000000000017").unwrap();
        (LocalCache::new(1 << 20, SECONDS, SECONDS), iccid)
    }

    #[test]
    fn an_older_reading_never_replaces_a_newer_one() {
        let (cache, iccid) = cache();
        assert!(cache.put(iccid, sim(5)));
        assert!(!cache.put(iccid, sim(4)));
        assert_eq!(cache.get(iccid).unwrap().revision, 5);
        assert!(cache.put(iccid, sim(5)));
    }

    #[test]
    fn an_event_buries_what_is_older_and_keeps_what_is_as_new() {
        let (cache, iccid) = cache();
        cache.put(iccid, sim(5));
        cache.bury(iccid, 5);
        assert!(cache.get(iccid).is_some());
        cache.bury(iccid, 6);
        assert!(cache.get(iccid).is_none());
        assert!(!cache.put(iccid, sim(5)), "a late fill comes back from the dead");
        cache.bury(iccid, 3);
        assert!(!cache.put(iccid, sim(5)), "an older event lowered the tombstone");
        assert!(cache.put(iccid, sim(6)));
        cache.clear();
        assert!(cache.get(iccid).is_none());
    }

    #[test]
    fn memory_is_bounded_by_bytes() {
        let cache = LocalCache::new(100 * 1024, SECONDS, SECONDS);
        for tail in 0..1000 {
            let iccid = Iccid::from_i64(8_900_000_000_000_000_000 + tail).unwrap();
            let data = Bytes::from(vec![b'x'; 1024]);
            cache.put(iccid, CachedSim { data, ..sim(1) });
        }
        cache.sims.run_pending_tasks();
        assert!(cache.sims.entry_count() <= 100, "{}", cache.sims.entry_count());
    }

    #[test]
    fn a_full_memory_does_not_forget_what_was_announced() {
        let (_, iccid) = cache();
        let cache = LocalCache::new(1024, SECONDS, SECONDS);
        cache.bury(iccid, 6);
        for tail in 0..1000 {
            let other = Iccid::from_i64(8_900_000_000_000_000_000 + tail).unwrap();
            cache.put(other, sim(1));
            cache.get(other);
        }
        cache.sims.run_pending_tasks();
        assert!(!cache.put(iccid, sim(5)), "a late fill comes back from the dead");
    }
}
