//! Records as the Data Streamer writes them (FACTS §15.2).

use std::sync::LazyLock;

use chrono::{DateTime, Duration, NaiveDate, NaiveTime, SecondsFormat, Utc};
use serde_json::{Value, json};

use crate::harness::TestApp;

/// The ICCID of the nth SIM of a made-up fleet.
pub fn iccid(sim: u32) -> String {
    format!("8988280666{:09}", sim)
}

/// A data record of platform 2.0; volumes in MB as text.
pub fn data(id: i64, sim: u32, ended_at: DateTime<Utc>, tx: &str, rx: &str) -> Value {
    let number = |text: &str| serde_json::from_str::<Value>(text).expect("a number");
    json!({
        "id": id,
        "start_timestamp": (ended_at - Duration::minutes(15)).to_rfc3339_opts(SecondsFormat::Millis, true),
        "end_timestamp": ended_at.to_rfc3339_opts(SecondsFormat::Millis, true),
        "imsi": "901409000000017", "imsi_id": 17, "organisation": {"id": 42, "name": "99000001"},
        "sim": {"id": 17, "iccid": iccid(sim), "msisdn": "882999000000017"},
        "endpoint": {"id": 1017, "name": iccid(sim), "ip_address": "100.64.0.17", "imei": "3500000000000101"},
        "operator": {"id": 2, "name": "Example Mobile", "mnc": "01", "country": {"id": 74, "mcc": "262", "name": "Germany"}},
        "tariff": {"id": 1, "name": "Flat", "ratezone": {"id": 1, "name": "RZ1"}},
        "traffic_type": {"id": 5, "description": "Data"},
        "volume": {"total": number(&sum(tx, rx)), "tx": number(tx), "rx": number(rx)},
        "detail": {"pdp_context": {"rat_type": 6, "ipcan_session_id": session(id)}}
    })
}

/// A record of one message from the device.
pub fn sms_mo(id: i64, sim: u32, ended_at: DateTime<Utc>) -> Value {
    let mut record = data(id, sim, ended_at, "0", "0");
    record["traffic_type"] = json!({"id": 6, "description": "SMS"});
    record["volume"] = json!({"total": 1, "tx": 1, "rx": 0});
    record.as_object_mut().expect("an object").remove("detail");
    record
}

/// Three records share a session.
pub fn session(id: i64) -> String {
    uuid::Uuid::from_u128(0x1000_0000_0000_0000_0000_0000_0000_0000 + (id / 3) as u128).to_string()
}

fn sum(tx: &str, rx: &str) -> String {
    let sum = tx.parse::<f64>().expect("a number") + rx.parse::<f64>().expect("a number");
    sum.to_string()
}

/// Noon of a day that is over; the same day for the whole program, though midnight comes while it runs.
pub fn days_ago(days: i64) -> DateTime<Utc> {
    static TODAY: LazyLock<NaiveDate> = LazyLock::new(|| Utc::now().date_naive());
    TODAY.and_time(NaiveTime::MIN).and_utc() - Duration::days(days) + Duration::hours(12)
}

/// Posts records of usage.
pub async fn post(app: &TestApp, records: Vec<Value>) {
    let body = json!(records).to_string();
    assert_eq!(app.post("/datastreamer/v1/usage", body).await.0, 200);
}
