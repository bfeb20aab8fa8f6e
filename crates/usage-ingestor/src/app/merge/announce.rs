use std::collections::{BTreeMap, HashMap};

use chrono::Utc;
use domain::OrganizationId;
use messages::pb::usage::{SimUsageDelta, UsageRecorded};
use messages::{EventEnvelope, EventType, Subjects};
use prost::Message;
use service_runtime::outbox::OutboxBatch;
use uuid::Uuid;

use crate::store::copy::millis_to_time;
use crate::store::members::Member;
use crate::store::usage_days::{DayDelta, DayKey, DayState};

/// Days in one event, which then has some 100 KiB.
const DAYS: usize = 1000;

/// What the new records added, a batch per organization.
pub fn usage_recorded(
    subjects: &Subjects,
    deltas: &[(DayKey, DayDelta)],
    states: &[(DayKey, DayState)],
    members: &HashMap<i64, Member>,
) -> OutboxBatch {
    let mut tenants: BTreeMap<Uuid, Vec<SimUsageDelta>> = BTreeMap::new();
    for ((key, delta), (_, state)) in deltas.iter().zip(states) {
        let member = members.get(&key.0).cloned().unwrap_or_default();
        let days = tenants.entry(member.organization).or_default();
        days.push(entry(*key, delta, state, member.account));
    }
    let mut events = OutboxBatch::default();
    for (organization, days) in tenants {
        let known = (!organization.is_nil()).then_some(OrganizationId(organization));
        for days in days.chunks(DAYS) {
            let envelope = EventEnvelope {
                id: Uuid::now_v7(),
                event: EventType::UsageRecorded,
                source: "usage-ingestor",
                time: Utc::now(),
                iccid: None,
                organization: known,
            };
            let payload = UsageRecorded {
                organization_id: known.map(|id| id.to_string()).unwrap_or_default(),
                sims: days.to_vec(),
            };
            events.push(subjects, &envelope, payload.encode_to_vec());
        }
    }
    events
}

fn entry((iccid, day): DayKey, delta: &DayDelta, state: &DayState, account: String) -> SimUsageDelta {
    let count = |number: i64| u32::try_from(number).unwrap_or(0);
    SimUsageDelta {
        iccid: iccid.to_string(),
        account,
        day: day.to_string(),
        rx: delta.rx.unsigned_abs(),
        tx: delta.tx.unsigned_abs(),
        total: delta.total.unsigned_abs(),
        sms_mo: count(delta.sms_mo),
        sms_mt: count(delta.sms_mt),
        records: delta.records,
        last_ended_at: Some(millis_to_time(delta.last_ended_at_ms).into()),
        day_total: state.stream.total.unsigned_abs(),
        day_sms_mo: count(state.stream.sms_mo),
        day_sms_mt: count(state.stream.sms_mt),
    }
}
