use std::time::{Duration, Instant};

use domain::Iccid;
use moka::Expiry;
use moka::ops::compute::Op;
use moka::sync::Cache;

use super::CachedSim;

/// Longer than the longest reading that may still arrive with an older revision.
const TOMBSTONE_TTL: Duration = Duration::from_secs(30);
/// What an entry costs beside its bytes.
const OVERHEAD: usize = 160;

#[derive(Debug, Clone)]
enum Slot {
    Sim(CachedSim),
    /// Everything older than this revision is gone.
    Tombstone(i64),
}

struct SlotExpiry {
    sim: Duration,
}

impl SlotExpiry {
    fn of(&self, slot: &Slot) -> Option<Duration> {
        Some(match slot {
            Slot::Sim(_) => self.sim,
            Slot::Tombstone(_) => TOMBSTONE_TTL,
        })
    }
}

impl Expiry<i64, Slot> for SlotExpiry {
    fn expire_after_create(&self, _: &i64, slot: &Slot, _: Instant) -> Option<Duration> {
        self.of(slot)
    }

    fn expire_after_update(&self, _: &i64, slot: &Slot, _: Instant, _: Option<Duration>) -> Option<Duration> {
        self.of(slot)
    }
}

/// SIMs in this process's memory, bounded by their bytes.
pub struct LocalCache(Cache<i64, Slot>);

impl LocalCache {
    pub fn new(bytes: u64, ttl: Duration) -> Self {
        let weigh = |_: &i64, slot: &Slot| {
            let size = match slot {
                Slot::Sim(sim) => sim.data.len() + OVERHEAD,
                Slot::Tombstone(_) => OVERHEAD,
            };
            u32::try_from(size).unwrap_or(u32::MAX)
        };
        let cache = Cache::builder()
            .max_capacity(bytes)
            .weigher(weigh)
            .expire_after(SlotExpiry { sim: ttl })
            .build();
        Self(cache)
    }

    pub fn get(&self, iccid: Iccid) -> Option<CachedSim> {
        match self.0.get(&iccid.as_i64())? {
            Slot::Sim(sim) => Some(sim),
            Slot::Tombstone(_) => None,
        }
    }

    /// Stores a SIM; `false` when a newer revision is known.
    pub fn put(&self, iccid: Iccid, sim: CachedSim) -> bool {
        let mut newest = true;
        self.0.entry(iccid.as_i64()).and_compute_with(|present| {
            let known = present.map(|entry| entry.into_value());
            newest = match known {
                Some(Slot::Sim(known)) => known.revision <= sim.revision,
                Some(Slot::Tombstone(revision)) => revision <= sim.revision,
                None => true,
            };
            if newest { Op::Put(Slot::Sim(sim)) } else { Op::Nop }
        });
        newest
    }

    /// Forgets everything older than this revision, now and for a while.
    pub fn bury(&self, iccid: Iccid, revision: i64) {
        self.0.entry(iccid.as_i64()).and_compute_with(|present| {
            let known = present.map(|entry| entry.into_value());
            let older = match known {
                Some(Slot::Sim(known)) => known.revision < revision,
                Some(Slot::Tombstone(known)) => known < revision,
                None => true,
            };
            if older {
                Op::Put(Slot::Tombstone(revision))
            } else {
                Op::Nop
            }
        });
    }

    pub fn forget(&self, iccid: Iccid) {
        self.0.invalidate(&iccid.as_i64());
    }

    pub fn clear(&self) {
        self.0.invalidate_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use domain::OrganizationId;

    fn sim(revision: i64) -> CachedSim {
        CachedSim {
            revision,
            organization: OrganizationId::DEFAULT,
            data: Bytes::from_static(b"{}"),
        }
    }

    fn cache() -> (LocalCache, Iccid) {
        let iccid = Iccid::parse("8988999000000000017").unwrap();
        (LocalCache::new(1 << 20, Duration::from_secs(10)), iccid)
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
        let cache = LocalCache::new(100 * 1024, Duration::from_secs(10));
        for tail in 0..1000 {
            let iccid = Iccid::from_i64(8_900_000_000_000_000_000 + tail).unwrap();
            let data = Bytes::from(vec![b'x'; 1024]);
            cache.put(iccid, CachedSim { data, ..sim(1) });
        }
        cache.0.run_pending_tasks();
        assert!(cache.0.entry_count() <= 100, "{}", cache.0.entry_count());
    }
}
