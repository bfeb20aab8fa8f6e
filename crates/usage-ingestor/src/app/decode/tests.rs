use chrono::{DateTime, Duration, Utc};
use messages::pb::usage as pb;
use proptest::prelude::*;
use prost::Message;

use super::{Limits, Record, decode, read};

fn limits() -> Limits {
    Limits {
        now: "2025-10-03T00:00:00Z".parse::<DateTime<Utc>>().unwrap(),
        oldest_usage: Duration::days(690),
        oldest_event: Duration::days(325),
        future: Duration::hours(48),
    }
}

/// The documentation's records, made up as in FACTS §15.
const DATA: &str = r#"{"id":700000001,"start_timestamp":"2025-10-02T06:00:00.000Z","end_timestamp":"2025-10-02T06:15:00.000Z",
  "imsi":"901409000000017","imsi_id":17,"organisation":{"id":42,"name":"99000001"},
  "sim":{"id":17,"iccid":"8988999000000000017","msisdn":"882999000000017"},
  "endpoint":{"id":1017,"name":"8988999000000000017","ip_address":"100.64.0.17","imei":"3500000000000101"},
  "operator":{"id":2,"name":"Example Mobile","mnc":"01","country":{"id":74,"mcc":"262","name":"Germany"}},
  "tariff":{"id":1,"name":"Flat","ratezone":{"id":1,"name":"RZ1"}},
  "traffic_type":{"id":5,"description":"Data"},"volume":{"total":0.25,"tx":0.2,"rx":0.05},
  "detail":{"pdp_context":{"rat_type":6,"ipcan_session_id":"0b0e5a52-0000-4000-8000-000000000017"}}}"#;
const SMS: &str = r#"{"id":"700000002","start_timestamp":"2025-10-02T06:20:00Z","end_timestamp":"2025-10-02T06:20:01Z",
  "imsi":"901409000000017","sim":{"id":17,"iccid":"89889990000000000176","production_date":"2024-01-01 00:00:00"},
  "operator":null,"cost":0.01,"currency":{"id":1,"symbol":"x","code":"EUR"},
  "traffic_type":{"id":6,"description":"SMS"},"volume":{"total":"1","tx":0,"rx":1.0}}"#;
const EVENT: &str = r#"{"id":800000019,"timestamp":"2025-10-02T06:30:00.000Z","event_type":{"id":19,"description":"Quota used up"},
  "event_severity":{"id":1,"description":"WARN"},"event_source":{"id":1,"description":"Policy Control"},
  "organisation":{"id":42,"name":"99000001"},"alert":true,"description":"made-up text","user":null,
  "imsi":{"id":17,"imsi":"901409000000017"},"sim":{"id":17,"iccid":"8988999000000000017"},
  "detail":{"quota":{"id":9,"volume":-0.02,"total_volume":500}}}"#;
const REPORT: &str = r#"{"id":900000001,"submit_date":"2025-10-02T07:00:00Z","final_date":"2025-10-02T07:00:04Z",
  "organisation":{"id":42},"endpoint":{"id":1017,"name":"8988999000000000017"},"status":{"id":4,"status":"DELIVERED"},
  "detail":{"sms":{"id":"550000000000000017"}}}"#;
const MO: &str = r#"{"id":900000002,"submit_date":"2025-10-02 07:05:00","pid":0,"organisation":{"id":42},"dest_address":"1000",
  "source_address":"882999000000017","dcs":0,"payload":"temp=21","endpoint":{"id":1017,"name":"8988999000000000017"}}"#;

fn usage(raw: &str) -> pb::UsageRecord {
    match read(raw, &limits()) {
        Ok(Record::Usage(record, _)) => record,
        other => panic!("{other:?}"),
    }
}

fn event(raw: &str) -> pb::EventRecord {
    match read(raw, &limits()) {
        Ok(Record::Event(record)) => record,
        other => panic!("{other:?}"),
    }
}

fn reason(raw: &str) -> String {
    match read(raw, &limits()) {
        Err(rejected) => {
            assert_eq!(rejected.raw, raw.as_bytes(), "the record is kept as it came");
            rejected.reason
        }
        other => panic!("{other:?}"),
    }
}

/// The data record with one part in another's place.
fn with(from: &str, to: &str) -> String {
    assert!(DATA.contains(from), "{from}");
    DATA.replace(from, to)
}

#[test]
fn a_data_record_keeps_bytes_session_operator_and_place() {
    let record = usage(DATA);

    assert_eq!(
        (record.iccid, record.record_id),
        (8_988_999_000_000_000_017, 700_000_001)
    );
    assert_eq!((record.tx, record.rx, record.total), (209_715, 52_429, 262_144));
    assert_eq!((record.mcc, record.operator_id, record.rat), (262, 2, 6));
    assert_eq!(
        (record.imsi, record.tariff_id, record.ratezone_id),
        (901_409_000_000_017, 1, 1)
    );
    assert_eq!(record.ended_at_ms - record.started_at_ms, 15 * 60 * 1000);
    assert_eq!(record.session_id.len(), 16);
}

#[test]
fn a_message_counts_as_sent_or_received_and_the_first_generation_reads_alike() {
    let record = usage(SMS);

    assert_eq!((record.sms_mo, record.sms_mt, record.total), (0, 1, 0));
    assert_eq!(record.iccid, 8_988_999_000_000_000_017, "the check digit is cut");
    assert!(record.session_id.is_empty());
}

#[test]
fn volumes_are_read_without_floats_in_every_spelling() {
    for (text, bytes) in [
        ("9.5367431640625E-7", 1),
        ("9.5E-4", 996),
        ("\"0.2\"", 209_715),
        ("4096", 4_294_967_296),
        ("0.30000000000000004", 314_573),
        ("1e0", 1_048_576),
    ] {
        let record = usage(&with(r#""tx":0.2"#, &format!("\"tx\":{text}")));
        assert_eq!(record.tx, bytes, "{text}");
    }
}

#[test]
fn what_is_missing_beside_the_numbers_is_no_reason_to_refuse() {
    for (from, to) in [
        (r#""operator":{"id":2"#, r#""operator":"none","x":{"id":2"#),
        (r#""tariff":{"id":1"#, r#""tariff":[1],"y":{"id":1"#),
        (r#""detail":{"pdp_context""#, r#""detail":7,"z":{"pdp_context""#),
        (
            r#""start_timestamp":"2025-10-02T06:00:00.000Z""#,
            r#""start_timestamp":"2025-10-02T06:16:00.000Z""#,
        ),
        (r#""start_timestamp":"2025-10-02T06:00:00.000Z","#, ""),
        (
            r#""sim":{"id":17,"iccid":"8988999000000000017""#,
            r#""sim":{"id":17"#,
        ),
        (r#""imsi_id":17"#, r#""never_seen":{"a":[1,2,{"b":null}]}"#),
        (r#""tx":0.2"#, r#""tx":null"#),
    ] {
        assert_eq!(usage(&with(from, to)).total, 262_144, "{to}");
    }
}

#[test]
fn a_record_that_cannot_be_counted_is_kept_with_its_reason() {
    for (from, to, word) in [
        (r#""id":700000001"#, r#""id":"x""#, "id"),
        (
            r#""end_timestamp":"2025-10-02T06:15:00.000Z""#,
            r#""end_timestamp":"soon""#,
            "end_timestamp",
        ),
        (
            r#""end_timestamp":"2025-10-02T06:15:00.000Z""#,
            r#""end_timestamp":"2035-01-01T00:00:00Z""#,
            "future",
        ),
        (
            r#""end_timestamp":"2025-10-02T06:15:00.000Z""#,
            r#""end_timestamp":"2023-01-01T00:00:00Z""#,
            "days old",
        ),
        (
            r#""iccid":"8988999000000000017""#,
            r#""iccid":"89889990000000000170""#,
            "check digit",
        ),
        (
            r#""traffic_type":{"id":5"#,
            r#""traffic_type":{"id":9"#,
            "traffic_type 9",
        ),
        (r#""tx":0.2"#, r#""tx":-0.2"#, "negative"),
        (r#""tx":0.2"#, r#""tx":99999999"#, "4 TiB"),
        (r#""tx":0.2"#, r#""tx":"much""#, "volume.tx"),
        (
            r#""volume":{"total":0.25,"tx":0.2,"rx":0.05}"#,
            r#""volume":{}"#,
            "volume",
        ),
        (r#""traffic_type":{"id":5,"description":"Data"},"#, "", "neither"),
    ] {
        let reason = reason(&with(from, to));
        assert!(reason.contains(word), "{to}: {reason}");
    }
    for raw in ["7", "null", "[]", "\"text\"", "{}"] {
        assert!(!reason(raw).is_empty(), "{raw}");
    }
}

#[test]
fn an_event_keeps_its_detail_as_it_came_and_unknown_types_stay() {
    let known = event(EVENT);
    assert_eq!(
        (known.type_id, known.severity.as_str(), known.alert),
        (19, "warn", true)
    );
    assert_eq!(
        known.detail_json,
        r#"{"quota":{"id":9,"volume":-0.02,"total_volume":500}}"#
    );
    assert_eq!(known.imsi, 901_409_000_000_017);

    let unknown = event(&EVENT.replace(
        r#"{"id":19,"description":"Quota used up"}"#,
        r#"{"id":4711,"description":"New"}"#,
    ));
    assert_eq!((unknown.type_id, unknown.type_text.as_str()), (4711, "New"));

    let profile = event(&EVENT.replace(r#""sim":{"id":17,"iccid":"8988999000000000017"},"#, ""));
    assert_eq!(profile.iccid, 0, "types 52 to 55 name no SIM");

    let text = event(&EVENT.replace(
        r#"{"quota":{"id":9,"volume":-0.02,"total_volume":500}}"#,
        r#""{\"expiry_date\":2034-02-11 00:00:00}""#,
    ));
    assert_eq!(text.detail_json, r#""{\"expiry_date\":2034-02-11 00:00:00}""#);
}

#[test]
fn severity_two_means_what_its_platform_means() {
    let bare = EVENT.replace(r#"{"id":1,"description":"WARN"}"#, r#"{"id":2}"#);
    assert_eq!(event(&bare).severity, "warn");
    let first = bare.replace(
        r#""iccid":"#,
        r#""production_date":"2024-01-01 00:00:00","iccid":"#,
    );
    assert_eq!(event(&first).severity, "critical");
    assert_eq!(event(&EVENT.replace("WARN", "Warning")).severity, "warn");
}

#[test]
fn sms_events_are_told_apart_by_their_fields() {
    let (mo, report) = (event(MO), event(REPORT));

    assert_eq!(mo.kind(), pb::EventKind::SmsMo);
    assert_eq!(report.kind(), pb::EventKind::SmsReport);
    assert_eq!(report.description, "SMS DELIVERED");
    assert!(report.detail_json.contains("550000000000000017"));
}

#[test]
fn nul_characters_never_reach_the_database() {
    let record = event(&EVENT.replace("made-up text", r"a\u0000b"));
    assert_eq!(record.description, "a\u{fffd}b");
}

#[test]
fn a_bad_record_costs_only_itself_and_a_wrong_byte_nothing() {
    let mut body = format!("[{DATA},7,{EVENT}]").into_bytes();
    let at = body.windows(7).position(|part| part == b"Example").unwrap();
    body[at] = 0xff;

    let decoded = decode(&body, &limits()).unwrap();

    assert_eq!(
        (decoded.received, decoded.rejected, decoded.batches.len()),
        (3, 1, 1)
    );
    let batch = pb::IngestBatch::decode(decoded.batches[0].payload.clone()).unwrap();
    assert_eq!(
        (batch.usage.len(), batch.events.len(), batch.rejects.len()),
        (1, 1, 1)
    );
    assert_eq!(batch.operators.len(), 1);
}

#[test]
fn what_is_no_array_is_refused_and_an_empty_array_is_fine() {
    for body in ["", "{}", "[1,", "nonsense", "[{\"id\":1}"] {
        assert!(decode(body.as_bytes(), &limits()).is_err(), "{body}");
    }
    assert_eq!(decode(b"[]", &limits()).unwrap().batches.len(), 0);
}

#[test]
fn equal_bodies_make_equal_messages_under_the_limit_of_nats() {
    let records: Vec<String> = (0..12_000)
        .map(|id| with("700000001", &id.to_string()))
        .chain((0..6).map(|id| format!("\"{}{id}\"", "x".repeat(200_000))))
        .collect();
    let body = format!("[{}]", records.join(","));

    let (one, two) = (
        decode(body.as_bytes(), &limits()).unwrap(),
        decode(body.as_bytes(), &limits()).unwrap(),
    );

    assert!(one.batches.len() > 3);
    assert!(one.batches.iter().all(|batch| batch.payload.len() < 900 * 1024));
    let ids = |decoded: &super::Decoded| {
        decoded
            .batches
            .iter()
            .map(|batch| batch.id.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(ids(&one), ids(&two));
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(body in proptest::collection::vec(any::<u8>(), 0..2000)) {
        let _outcome = decode(&body, &limits());
    }

    #[test]
    fn no_field_makes_it_panic_and_every_element_is_counted(field in "[a-z_]{1,16}", value in any::<i64>(), text in "\\PC{0,40}") {
        for part in [value.to_string(), serde_json::to_string(&text).unwrap(), format!("{{\"id\":{value}}}")] {
            let body = format!("[{},{{\"{field}\":{part},\"traffic_type\":{part},\"volume\":{part},\"event_type\":{part}}}]",
                DATA.replacen('{', &format!("{{\"{field}\":{part},"), 1));
            let decoded = decode(body.as_bytes(), &limits()).unwrap();
            prop_assert_eq!(decoded.received, 2);
            let kept: usize = decoded.batches.iter()
                .map(|batch| pb::IngestBatch::decode(batch.payload.clone()).unwrap())
                .map(|batch| batch.usage.len() + batch.events.len() + batch.rejects.len())
                .sum();
            prop_assert_eq!(kept, 2);
        }
    }
}
