//! Random histories, and the books that they must leave.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate};
use messages::pb::usage as pb;
use proptest::prelude::*;

use crate::app::merge::days::is_data;

/// Midnight of the first of three days.
pub const FIRST_MS: i64 = 1_790_000_000_000 / 86_400_000 * 86_400_000;
pub const DAY_MS: i64 = 86_400_000;

/// Records that are told apart by a small number, so that random ones are often the same.
pub fn record(number: u16) -> pb::UsageRecord {
    let number = u64::from(number);
    let sms = number % 5 == 0;
    let volume = |factor: u64| if sms { 0 } else { (number * factor) % 5000 };
    pb::UsageRecord {
        iccid: 8_988_280_666_000_000_000 + number % 4,
        record_id: (number / 4).cast_signed(),
        started_at_ms: FIRST_MS,
        // Some end exactly at midnight, which is the next day.
        ended_at_ms: FIRST_MS + (number % 12).cast_signed() * DAY_MS / 4,
        rx: volume(7),
        tx: volume(11),
        total: volume(7) + volume(11),
        sms_mo: u32::from(sms && number % 2 == 0),
        sms_mt: u32::from(sms && number % 2 == 1),
        mcc: 262,
        operator_id: (number % 3) as u32,
        rat: 6,
        session_id: if sms {
            Vec::new()
        } else {
            vec![(number % 7) as u8; 16]
        },
        ..pb::UsageRecord::default()
    }
}

/// One attempt to merge some of the batches; with a number it is cut off after so many polls.
#[derive(Debug, Clone)]
pub struct Attempt {
    pub batches: Vec<prop::sample::Index>,
    pub cut: Option<usize>,
}

/// What the API tells of one day of one SIM.
#[derive(Debug, Clone, Copy)]
pub struct Reading {
    pub sim: i64,
    pub day: i64,
    pub rx: i64,
    pub tx: i64,
    pub sms_mo: i64,
    pub sms_mt: i64,
}

#[derive(Debug, Clone)]
pub enum Step {
    Merge(Attempt),
    /// A reading by API; it may be cut off too.
    Read(Reading, Option<usize>),
}

#[derive(Debug, Clone)]
pub struct History {
    pub batches: Vec<Vec<u16>>,
    pub steps: Vec<Step>,
}

pub fn history() -> impl Strategy<Value = History> {
    let batches = prop::collection::vec(prop::collection::vec(0u16..120, 0..30), 1..6);
    let cut = || prop::option::weighted(0.7, 0usize..60);
    let attempt = (prop::collection::vec(any::<prop::sample::Index>(), 1..4), cut());
    let attempt = attempt.prop_map(|(batches, cut)| Step::Merge(Attempt { batches, cut }));
    let reading = (0i64..4, 0i64..3, 1i64..9000, 0i64..9000, 0i64..4, 0i64..4);
    let reading = reading.prop_map(|(sim, day, rx, tx, sms_mo, sms_mt)| Reading {
        sim,
        day,
        rx,
        tx,
        sms_mo,
        sms_mt,
    });
    let reading = (reading, cut()).prop_map(|(reading, cut)| Step::Read(reading, cut));
    let step = prop_oneof![3 => attempt, 2 => reading];
    (batches, prop::collection::vec(step, 0..10)).prop_map(|(batches, steps)| History { batches, steps })
}
pub fn day(number: i64) -> NaiveDate {
    let time = DateTime::from_timestamp_millis(FIRST_MS + number * DAY_MS);
    time.expect("a time").date_naive()
}

impl History {
    /// The newest reading of each SIM's day.
    pub fn last_readings(&self) -> BTreeMap<(i64, i64), Reading> {
        let readings = self.steps.iter().filter_map(|step| match step {
            Step::Read(reading, _) => Some(((reading.sim, reading.day), *reading)),
            Step::Merge(_) => None,
        });
        readings.collect()
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sums {
    pub rx: i64,
    pub tx: i64,
    pub total: i64,
    pub sms_mo: i64,
    pub sms_mt: i64,
}

/// What the books must say: keys, days, sessions and fleet sums of the distinct records.
#[derive(Debug, PartialEq, Eq, Default)]
pub struct Books {
    pub keys: BTreeSet<(i64, i64, i64)>,
    pub days: BTreeMap<(i64, NaiveDate), (Sums, i64)>,
    pub fleet: BTreeMap<(NaiveDate, i32), Sums>,
    pub announced: BTreeMap<(i64, NaiveDate), Sums>,
    pub events: i64,
    pub counted: i64,
}

pub fn add(sums: &mut Sums, record: &pb::UsageRecord) {
    sums.rx += record.rx.cast_signed();
    sums.tx += record.tx.cast_signed();
    sums.total += record.total.cast_signed();
    sums.sms_mo += i64::from(record.sms_mo);
    sums.sms_mt += i64::from(record.sms_mt);
}

pub fn expected(history: &History) -> Books {
    let numbers: BTreeSet<u16> = history.batches.iter().flatten().copied().collect();
    let mut books = Books {
        events: numbers.len() as i64,
        counted: numbers.len() as i64,
        ..Books::default()
    };
    let mut data_records: BTreeMap<(i64, NaiveDate), i64> = BTreeMap::new();
    let mut sessions: BTreeMap<(i64, NaiveDate), BTreeSet<Vec<u8>>> = BTreeMap::new();
    for record in numbers.into_iter().map(record) {
        let time = DateTime::from_timestamp_millis(record.ended_at_ms).unwrap();
        let (iccid, day) = (record.iccid.cast_signed(), time.date_naive());
        books.keys.insert((iccid, record.ended_at_ms, record.record_id));
        add(&mut books.days.entry((iccid, day)).or_default().0, &record);
        add(books.announced.entry((iccid, day)).or_default(), &record);
        add(
            books
                .fleet
                .entry((day, record.operator_id.cast_signed()))
                .or_default(),
            &record,
        );
        if is_data(&record) {
            *data_records.entry((iccid, day)).or_default() += 1;
        }
        if !record.session_id.is_empty() {
            sessions
                .entry((iccid, day))
                .or_default()
                .insert(record.session_id);
        }
    }
    for (key, sessions) in sessions {
        books.days.entry(key).or_default().1 = sessions.len() as i64;
    }
    for ((sim, number), told) in history.last_readings() {
        let key = (8_988_280_666_000_000_000 + sim, day(number));
        let used = &mut books.days.entry(key).or_default().0;
        let before = *used;
        // A KB for each record may be rounding; what is beyond did not come by stream.
        if told.rx + told.tx > used.total + 1024 * data_records.get(&key).copied().unwrap_or(0) {
            (used.rx, used.tx, used.total) = (told.rx, told.tx, told.rx + told.tx);
        }
        used.sms_mo = used.sms_mo.max(told.sms_mo);
        used.sms_mt = used.sms_mt.max(told.sms_mt);
        // No operator is known of it.
        let rest = books.fleet.entry((key.1, 0)).or_default();
        rest.rx += used.rx - before.rx;
        rest.tx += used.tx - before.tx;
        rest.total += used.total - before.total;
        rest.sms_mo += used.sms_mo - before.sms_mo;
        rest.sms_mt += used.sms_mt - before.sms_mt;
    }
    books.fleet.retain(|_, sums| *sums != Sums::default());
    books
}
