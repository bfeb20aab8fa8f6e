//! Usage records of one SIM and day as a pure function: every record is found by arithmetic, none is stored.

use std::ops::Range;

use crate::clock::Millis;
use crate::dates::DAY;
use crate::fleet::SimIndex;
use crate::fleet::seeded::{Operator, Seeded};

const MINUTE: Millis = 60_000;
/// A session is cut into records at most this long (FACTS §15.1).
const LONGEST: Millis = 15 * MINUTE;
const BLOCK: Millis = 6 * 3_600_000;
/// Numbers of a day below this are data, the others SMS.
const FIRST_SMS: i64 = 100;
/// Room for the numbers of a day.
const IDS_PER_DAY: i64 = 10_000;
/// Room for the days of a SIM: enough until the year 2243.
const IDS_PER_SIM: i64 = 1_000_000_000;

/// What a record counts: data in millionths of a MB, SMS one by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Volume {
    Data { tx: i64, rx: i64 },
    Mo,
    Mt,
}

/// A usage record.
#[derive(Debug, Clone, Copy)]
pub struct Record {
    pub id: i64,
    pub sim: SimIndex,
    pub start: Millis,
    pub end: Millis,
    pub volume: Volume,
    pub operator: &'static Operator,
    /// Radio access id (FACTS §6).
    pub rat: u32,
}

/// Everything a SIM uses on a day, and when.
#[derive(Debug, Clone, Copy)]
pub struct Day<'a> {
    pub seeded: Seeded,
    pub sim: SimIndex,
    /// Days since the epoch.
    pub day: i64,
    /// Millionths of a MB.
    pub data: i64,
    /// The SMS the seed makes the device send.
    pub seeded_mo: Option<Millis>,
    /// Other SMS from the device.
    pub mo: &'a [Millis],
    /// SMS to the device.
    pub mt: &'a [Millis],
}

/// Evenly spaced moments.
#[derive(Debug, Clone, Copy)]
struct Schedule {
    first: Millis,
    period: Millis,
    count: i64,
}

impl Schedule {
    /// How many of them are at or before `until`.
    fn until(&self, until: Millis) -> i64 {
        ((until - self.first).div_euclid(self.period) + 1).clamp(0, self.count)
    }
}

/// 73 % of SIMs are meters with up to four records a day, 25 % report while they move, 2 % all the time.
fn schedule(seeded: Seeded, sim: SimIndex, day: i64) -> Schedule {
    let kind = seeded.hash(sim, 50);
    let (from, to, minutes) = match kind % 100 {
        0..2 => (0, 24 * 60, 15),
        2..27 => (6 * 60, 20 * 60, 15 + (kind / 100 % 46) as i64),
        _ => (0, 24 * 60, 24 * 60 / (1 + (kind / 100 % 4) as i64)),
    };
    let offset = (seeded.hash(sim, 51) % (minutes * 60) as u64) as i64 * 1000;
    Schedule {
        first: day * DAY + from * MINUTE + offset,
        period: minutes * MINUTE,
        count: (to - from) / minutes,
    }
}

/// When the device sends its seeded SMS, on a day it sends one.
pub fn seeded_sms_at(seeded: Seeded, sim: SimIndex, day: i64) -> Millis {
    day * DAY + (seeded.hash(sim, 30 + day as u64) % 80_000_000) as i64
}

/// A version 4 UUID for a SIM and its sessions in a block of six hours.
pub fn session_id(seeded: Seeded, sim: SimIndex, end: Millis) -> String {
    let block = end.div_euclid(BLOCK) as u64;
    let (high, low) = (
        seeded.hash(sim, 3_000_000 + block),
        seeded.hash(sim, 6_000_000 + block),
    );
    format!(
        "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
        high >> 32,
        high >> 16 & 0xffff,
        high & 0xfff,
        0x8000 | low >> 48 & 0x3fff,
        low & 0xffff_ffff_ffff,
    )
}

impl Day<'_> {
    /// Millionths of a MB in the first `k` of `count` records; rises, and ends at `total`.
    fn share(&self, total: i64, k: i64, count: i64) -> i64 {
        if k <= 0 || k >= count {
            return if k <= 0 { 0 } else { total };
        }
        let wobble = (self
            .seeded
            .hash(self.sim, 9_000_000 + self.day as u64 * 128 + k as u64)
            % 1000) as i64;
        (i128::from(total) * i128::from(k * 1000 + wobble) / i128::from(count * 1000)) as i64
    }

    /// Up and down of the first `k` records; sent is seven tenths of the day, as the usage API says.
    fn halves(&self, k: i64, count: i64) -> (i64, i64) {
        let sent = self.data * 7 / 10;
        (self.share(sent, k, count), self.share(self.data - sent, k, count))
    }

    /// Data and SMS (MO, MT) of the records that ended at or before `until`.
    pub fn used_until(&self, until: Millis) -> (i64, i64, i64) {
        let schedule = schedule(self.seeded, self.sim, self.day);
        let (tx, rx) = self.halves(schedule.until(until), schedule.count);
        let count = |times: &[Millis]| times.iter().filter(|at| **at <= until).count() as i64;
        let seeded = i64::from(self.seeded_mo.is_some_and(|at| at <= until));
        (tx + rx, seeded + count(self.mo), count(self.mt))
    }

    /// Calls `each` with every record that ended after `from` and at or before `until`; those without volume do
    /// not exist.
    pub fn between(&self, from: Millis, until: Millis, mut each: impl FnMut(Record)) {
        if self.data > 0 {
            let schedule = schedule(self.seeded, self.sim, self.day);
            for k in schedule.until(from)..schedule.until(until) {
                let (before, after) = (self.halves(k, schedule.count), self.halves(k + 1, schedule.count));
                let (tx, rx) = (after.0 - before.0, after.1 - before.1);
                if tx + rx > 0 {
                    let end = schedule.first + k * schedule.period;
                    let start = (end - schedule.period.min(LONGEST)).max(self.day * DAY);
                    each(self.record(k, start, end, Volume::Data { tx, rx }));
                }
            }
        }
        let window = from + 1..until + 1;
        let seeded = self.seeded_mo.as_slice();
        self.messages(&window, seeded, 0, Volume::Mo, &mut each);
        self.messages(&window, self.mo, seeded.len() as i64, Volume::Mo, &mut each);
        self.messages(&window, self.mt, 0, Volume::Mt, &mut each);
    }

    /// Even numbers are SMS from the device, odd ones SMS to it; `skipped` of this kind came before.
    fn messages(
        &self,
        window: &Range<Millis>,
        times: &[Millis],
        skipped: i64,
        volume: Volume,
        each: &mut impl FnMut(Record),
    ) {
        for (place, at) in (skipped..).zip(times) {
            if window.contains(at) {
                let number = FIRST_SMS + 2 * place + i64::from(volume == Volume::Mt);
                let start = (at - 1000).max(self.day * DAY);
                each(self.record(number, start, *at, volume));
            }
        }
    }

    fn record(&self, number: i64, start: Millis, end: Millis, volume: Volume) -> Record {
        Record {
            id: i64::from(self.sim) * IDS_PER_SIM + self.day * IDS_PER_DAY + number + 1,
            sim: self.sim,
            start,
            end,
            volume,
            operator: self.seeded.operator_on(self.sim, self.day),
            rat: self.seeded.rat(self.sim).1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashSet;

    fn all(day: &Day<'_>) -> Vec<Record> {
        let mut records = Vec::new();
        day.between(day.day * DAY - 1, (day.day + 1) * DAY - 1, |record| {
            records.push(record);
        });
        records
    }

    fn sum(records: &[Record]) -> (i64, i64, i64, i64) {
        records
            .iter()
            .fold((0, 0, 0, 0), |sum, record| match record.volume {
                Volume::Data { tx, rx } => (sum.0 + tx, sum.1 + rx, sum.2, sum.3),
                Volume::Mo => (sum.0, sum.1, sum.2 + 1, sum.3),
                Volume::Mt => (sum.0, sum.1, sum.2, sum.3 + 1),
            })
    }

    prop_compose! {
        fn times(day: i64)(offsets in prop::collection::vec(0..DAY, 0..30)) -> Vec<Millis> {
            offsets.into_iter().map(|offset| day * DAY + offset).collect()
        }
    }

    prop_compose! {
        fn days()(day in 18_000i64..80_000)(
            seed in any::<u64>(), sim in 0u32..1_000_000_000, day in Just(day), mo in times(day), mt in times(day),
            data in prop_oneof![0i64..200, 0i64..5_000_000, 0i64..1_000_000_000_000], sends in any::<bool>(),
        ) -> (u64, u32, i64, i64, bool, Vec<Millis>, Vec<Millis>) {
            (seed, sim, day, data, sends, mo, mt)
        }
    }

    proptest! {
        #[test]
        fn the_records_of_a_day_are_its_use((seed, sim, day, data, sends, mo, mt) in days(), cut in 0..DAY) {
            let seeded = Seeded { seed };
            let seeded_mo = sends.then(|| seeded_sms_at(seeded, sim, day));
            let plan = Day { seeded, sim, day, data, seeded_mo, mo: &mo, mt: &mt };
            let records = all(&plan);
            let count_mo = mo.len() as i64 + i64::from(sends);
            prop_assert_eq!(sum(&records), (data * 7 / 10, data - data * 7 / 10, count_mo, mt.len() as i64));
            let ids: HashSet<i64> = records.iter().map(|record| record.id).collect();
            prop_assert_eq!(ids.len(), records.len(), "ids are unique");
            let home = i64::from(sim) * IDS_PER_SIM + day * IDS_PER_DAY;
            prop_assert!(ids.iter().all(|id| (home + 1..home + IDS_PER_DAY).contains(id)));
            for record in &records {
                prop_assert!(record.start <= record.end);
                prop_assert!((day * DAY..(day + 1) * DAY).contains(&record.start));
                prop_assert!((day * DAY..(day + 1) * DAY).contains(&record.end));
            }

            let mut parts = Vec::new();
            plan.between(day * DAY - 1, day * DAY + cut, |record| parts.push(record));
            let (tx, rx, mo, mt) = sum(&parts);
            prop_assert_eq!(plan.used_until(day * DAY + cut), (tx + rx, mo, mt));
            plan.between(day * DAY + cut, (day + 1) * DAY - 1, |record| parts.push(record));
            let cut_ids: HashSet<i64> = parts.iter().map(|record| record.id).collect();
            prop_assert_eq!((cut_ids, parts.len()), (ids, records.len()), "a cut loses and repeats nothing");
        }
    }

    #[test]
    fn a_fleet_has_meters_trackers_and_noisy_devices() {
        let seeded = Seeded { seed: 1 };
        let counts: Vec<usize> = (0..2000)
            .map(|sim| {
                let (seeded_mo, mo, mt) = (None, &[][..], &[][..]);
                all(&Day {
                    seeded,
                    sim,
                    day: 20_000,
                    data: 900_000,
                    seeded_mo,
                    mo,
                    mt,
                })
                .len()
            })
            .collect();
        let share = |fits: std::ops::RangeInclusive<usize>| {
            counts.iter().filter(|count| fits.contains(*count)).count()
        };
        assert!((1_300..1_600).contains(&share(1..=4)));
        assert!((400..600).contains(&share(13..=56)));
        assert!((20..70).contains(&share(90..=96)));
    }

    #[test]
    fn sessions_are_uuids_that_last_six_hours() {
        let seeded = Seeded { seed: 1 };
        let id = session_id(seeded, 7, 20_000 * DAY);
        assert_eq!((id.len(), &id[14..15], id.matches('-').count()), (36, "4", 4));
        assert_eq!(id, session_id(seeded, 7, 20_000 * DAY + BLOCK - 1));
        assert_ne!(id, session_id(seeded, 7, 20_000 * DAY + BLOCK));
        assert_ne!(id, session_id(seeded, 8, 20_000 * DAY));
    }
}
