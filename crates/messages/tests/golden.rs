//! Payloads recorded from released versions must decode to the same values in every later one.
use messages::pb::sim::{Sim, SimDiscovered, SimStatusChanged};
use messages::pb::usage::{SimUsageDelta, UsageRecorded};
use messages::{DecodedEvent, EventType, Timestamp, decode_event};
use prost::Message;

fn bytes(hex: &str) -> Vec<u8> {
    let digits: String = hex.split_whitespace().collect();
    (0..digits.len())
        .step_by(2)
        .filter_map(|at| u8::from_str_radix(&digits[at..at + 2], 16).ok())
        .collect()
}

#[test]
fn a_recorded_status_change_still_decodes() {
    let payload = bytes(include_str!("golden/sim_status_changed.v1.hex"));

    let decoded = decode_event(EventType::SimStatusChanged, &payload).unwrap();

    let expected = SimStatusChanged {
        iccid: "8988999000000000017".into(),
        account: "main".into(),
        organization_id: "00000000-0000-0000-0000-000000000001".into(),
        revision: 7,
        old_status: "Enabled".into(),
        new_status: "Disabled".into(),
    };
    assert_eq!(decoded, DecodedEvent::SimStatusChanged(Box::new(expected)));
}

#[test]
fn a_recorded_discovery_still_decodes() {
    let payload = bytes(include_str!("golden/sim_discovered.v1.hex"));

    let decoded = SimDiscovered::decode(payload.as_slice()).unwrap();

    let sim = Sim {
        iccid: "8988999000000000017".into(),
        revision: 1,
        status: "Enabled".into(),
        imei_lock: Some(false),
        label: Some("pump-17".into()),
        created_at: Some(Timestamp {
            seconds: 1_700_000_000,
            nanos: 500,
        }),
        ..Sim::default()
    };
    assert_eq!(
        decoded,
        SimDiscovered {
            sim: Some(sim),
            returned: false
        }
    );
}

#[test]
fn recorded_usage_still_decodes() {
    let payload = bytes(include_str!("golden/usage_recorded.v1.hex"));

    let decoded = decode_event(EventType::UsageRecorded, &payload).unwrap();

    let delta = SimUsageDelta {
        iccid: "8988999000000000017".into(),
        account: "main".into(),
        day: "2026-09-21".into(),
        rx: 52_429,
        tx: 209_715,
        total: 262_144,
        sms_mo: 1,
        sms_mt: 0,
        records: 2,
        last_ended_at: Some(Timestamp {
            seconds: 1_790_000_000,
            nanos: 5_000_000,
        }),
        day_total: 524_288,
        day_sms_mo: 1,
        day_sms_mt: 3,
    };
    let expected = UsageRecorded {
        organization_id: "00000000-0000-0000-0000-000000000001".into(),
        sims: vec![delta],
    };
    assert_eq!(decoded, DecodedEvent::UsageRecorded(Box::new(expected)));
}

#[test]
fn fields_of_a_newer_version_are_skipped() {
    let mut payload = bytes(include_str!("golden/sim_status_changed.v1.hex"));
    payload.extend([0xfa, 0x01, 0x03, b'n', b'e', b'w']);

    assert!(decode_event(EventType::SimStatusChanged, &payload).is_ok());
}
