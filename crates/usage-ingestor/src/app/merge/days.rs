use std::collections::{BTreeMap, HashMap};

use chrono::NaiveDate;
use messages::pb::usage::UsageRecord;
use uuid::Uuid;

use crate::store::copy::millis_to_time;
use crate::store::fleet_usage::{self, FleetKey, FleetSums, ONLY_BY_API};
use crate::store::members::Member;
use crate::store::usage_days::{DayDelta, DayKey, DayState, Volumes};

/// The UTC day of a record: that of its end.
pub fn day_of(record: &UsageRecord) -> NaiveDate {
    millis_to_time(record.ended_at_ms).date_naive()
}

/// What new records add to each day of each SIM, in order.
pub fn deltas(new: &[UsageRecord]) -> Vec<(DayKey, DayDelta)> {
    let mut days: BTreeMap<DayKey, DayDelta> = BTreeMap::new();
    for record in new {
        let day = days
            .entry((record.iccid.cast_signed(), day_of(record)))
            .or_insert_with(|| DayDelta {
                last_ended_at_ms: i64::MIN,
                ..DayDelta::default()
            });
        day.rx += record.rx.cast_signed();
        day.tx += record.tx.cast_signed();
        day.total += record.total.cast_signed();
        day.sms_mo += i64::from(record.sms_mo);
        day.sms_mt += i64::from(record.sms_mt);
        day.records += 1;
        day.last_ended_at_ms = day.last_ended_at_ms.max(record.ended_at_ms);
        if is_data(record) {
            day.data_records += 1;
            let mark = session_mark(record);
            if !day.marks.contains(&mark) {
                day.marks.push(mark);
            }
        }
    }
    days.into_iter().collect()
}

/// A record of a message carries no bytes; one of data may carry none too, and then no messages either.
pub fn is_data(record: &UsageRecord) -> bool {
    record.sms_mo == 0 && record.sms_mt == 0
}

/// Platform 1.0 names no session: there each record of data counts as one, which is an upper bound.
fn session_mark(record: &UsageRecord) -> i32 {
    let id = match Uuid::from_slice(&record.session_id) {
        Ok(session) => session.as_u128(),
        Err(_) => record.record_id.cast_unsigned().into(),
    };
    // Both halves are spread over all bits first, so that no pattern in them cancels out.
    let (high, low) = ((id >> 64) as u64, id as u64);
    let mixed = high.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ low.wrapping_mul(0xc2b2_ae3d_27d4_eb4f);
    (mixed >> 32) as i32
}

/// What the records add to the fleet's sums, and how they change what only the API told.
pub fn fleet_sums(
    new: &[UsageRecord],
    deltas: &[(DayKey, DayDelta)],
    states: &[(DayKey, DayState)],
    members: &HashMap<i64, Member>,
) -> FleetSums {
    let organization = |iccid: i64| {
        members
            .get(&iccid)
            .map_or(Uuid::nil(), |member| member.organization)
    };
    let mut sums = FleetSums::new();
    for record in new {
        let key = FleetKey {
            day: day_of(record),
            organization: organization(record.iccid.cast_signed()),
            mcc: i16::try_from(record.mcc).unwrap_or(0),
            operator_id: record.operator_id.cast_signed(),
            rat: i16::try_from(record.rat).unwrap_or(0),
        };
        fleet_usage::add(&mut sums, key, volumes(record));
    }
    for ((key, after), (_, delta)) in states.iter().zip(deltas) {
        if after.api.is_none() {
            continue;
        }
        let (now, before) = (after.only_by_api(), before(after, delta).only_by_api());
        let key = FleetKey {
            day: key.1,
            organization: organization(key.0),
            mcc: 0,
            operator_id: 0,
            rat: ONLY_BY_API,
        };
        fleet_usage::add(&mut sums, key, now.minus(&before));
    }
    sums
}

fn volumes(record: &UsageRecord) -> Volumes {
    Volumes {
        rx: record.rx.cast_signed(),
        tx: record.tx.cast_signed(),
        total: record.total.cast_signed(),
        sms_mo: record.sms_mo.into(),
        sms_mt: record.sms_mt.into(),
    }
}

/// The day without what was just added.
fn before(after: &DayState, delta: &DayDelta) -> DayState {
    DayState {
        stream: Volumes {
            rx: after.stream.rx - delta.rx,
            tx: after.stream.tx - delta.tx,
            total: after.stream.total - delta.total,
            sms_mo: after.stream.sms_mo - delta.sms_mo,
            sms_mt: after.stream.sms_mt - delta.sms_mt,
        },
        data_records: after.data_records - i64::from(delta.data_records),
        api: after.api,
    }
}
