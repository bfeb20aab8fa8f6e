use domain::provider_time;
use messages::pb::usage as pb;
use serde_json::value::RawValue;

use super::Limits;
use super::kind::Kind;
use super::usage::{iccid, imsi};
use super::wire::{NamedWire, RecordWire, SimWire, Text, part};

/// Reads an event (FACTS §15.3). Types that nobody knows are kept as they are.
pub fn read(wire: &RecordWire<'_>, limits: &Limits) -> Result<pb::EventRecord, String> {
    let event_id = wire
        .id
        .as_str()
        .parse::<i64>()
        .map_err(|_| "id is no 64-bit number")?;
    let occurred_at = provider_time(wire.timestamp.as_str()).ok_or("timestamp is no time")?;
    limits.check("timestamp", occurred_at, limits.oldest_event)?;
    let kind: NamedWire<'_> = part(wire.event_type);
    let source: NamedWire<'_> = part(wire.event_source);
    Ok(pb::EventRecord {
        // Types 52 to 55 concern a service profile and name no SIM.
        iccid: iccid(wire)?.map_or(0, |iccid| iccid.as_i64().unsigned_abs()),
        event_id,
        occurred_at_ms: occurred_at.timestamp_millis(),
        kind: pb::EventKind::Network.into(),
        type_id: kind.id.as_str().parse().unwrap_or(-1),
        type_text: kind.description.stored(),
        severity: severity(wire),
        source: source.description.stored(),
        alert: wire.alert.0,
        description: wire.description.stored(),
        user: wire.user.stored(),
        imsi: imsi(wire.imsi),
        detail_json: detail(wire.detail),
    })
}

/// Reads an SMS event of platform 2.0 (FACTS §15.4); the whole record is its detail.
pub fn read_sms(
    wire: &RecordWire<'_>,
    kind: Kind,
    raw: &str,
    limits: &Limits,
) -> Result<pb::EventRecord, String> {
    let event_id = wire
        .id
        .as_str()
        .parse::<i64>()
        .map_err(|_| "id is no 64-bit number")?;
    let submitted: Text<'_> = part(wire.submit_date);
    let time = wire.final_date.some().unwrap_or(submitted.as_str());
    let occurred_at = provider_time(time).ok_or("neither final_date nor submit_date is a time")?;
    limits.check("its date", occurred_at, limits.oldest_event)?;
    let iccid = iccid(wire)?.ok_or("endpoint.name is no ICCID")?;
    let (kind, type_text, description) = match kind {
        Kind::SmsReport => {
            let status: StatusWire<'_> = part(wire.status);
            let told = status.status.stored();
            (
                pb::EventKind::SmsReport,
                "SMS delivery report",
                format!("SMS {told}"),
            )
        }
        _ => (
            pb::EventKind::SmsMo,
            "SMS from the device",
            "SMS received".to_owned(),
        ),
    };
    Ok(pb::EventRecord {
        iccid: iccid.as_i64().unsigned_abs(),
        event_id,
        occurred_at_ms: occurred_at.timestamp_millis(),
        kind: kind.into(),
        type_text: type_text.to_owned(),
        severity: "info".to_owned(),
        source: "SMS".to_owned(),
        description,
        detail_json: raw.replace('\0', "\u{fffd}"),
        ..pb::EventRecord::default()
    })
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct StatusWire<'a> {
    #[serde(borrow)]
    status: Text<'a>,
}

/// The word in lower case. Without one the number decides, and 2 means something else on platform 1.0, which is known
/// by a field that only it has (FACTS §15.3).
fn severity(wire: &RecordWire<'_>) -> String {
    let told: NamedWire<'_> = part(wire.event_severity);
    let word = told.description.stored().to_lowercase();
    let sim: SimWire<'_> = part(wire.sim);
    let first_generation = sim.production_date.some().is_some();
    match (word.as_str(), told.id.as_str()) {
        ("warning", _) => "warn".to_owned(),
        ("", "0") => "info".to_owned(),
        ("", "2") if first_generation => "critical".to_owned(),
        ("", "1" | "2") => "warn".to_owned(),
        ("", "3") => "error".to_owned(),
        ("", "4") => "critical".to_owned(),
        ("", _) => "unknown".to_owned(),
        _ => word,
    }
}

/// JSON as it came. A quota's assignment on platform 1.0 is text that only looks like JSON; it stays a JSON string.
fn detail(raw: Option<&RawValue>) -> String {
    raw.map(RawValue::get)
        .filter(|text| *text != "null")
        .unwrap_or_default()
        .to_owned()
}
