use domain::provider_time;
use messages::pb::usage as pb;
use serde_json::value::RawValue;

use super::Limits;
use super::kind::Kind;
use super::usage::iccid;
use super::wire::{NamedWire, RecordWire};

/// Reads an event (FACTS §15.3). Types that nobody knows are kept as they are.
pub fn read(wire: &RecordWire<'_>, limits: &Limits) -> Result<pb::EventRecord, String> {
    let event_id = wire
        .id
        .as_str()
        .parse::<i64>()
        .map_err(|_| "id is no 64-bit number")?;
    let occurred_at = provider_time(wire.timestamp.as_str()).ok_or("timestamp is no time")?;
    limits.check("timestamp", occurred_at, limits.oldest_event)?;
    let unnamed = NamedWire::default();
    let kind = wire.event_type.as_ref().unwrap_or(&unnamed);
    let source = wire.event_source.as_ref().unwrap_or(&unnamed);
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
        alert: matches!(wire.alert.as_str(), "true" | "1"),
        description: wire.description.stored(),
        user: wire.user.stored(),
        imsi: wire.imsi.0,
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
    let time = wire.final_date.some().unwrap_or(wire.submit_date.as_str());
    let occurred_at = provider_time(time).ok_or("neither final_date nor submit_date is a time")?;
    limits.check("its date", occurred_at, limits.oldest_event)?;
    let iccid = iccid(wire)?.ok_or("endpoint.name is no ICCID")?;
    let (kind, type_text, description) = match kind {
        Kind::SmsReport => {
            let status = wire.status.as_ref();
            let told = status.map(|status| status.status.stored()).unwrap_or_default();
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

/// The word in lower case. Without one the number decides, and 2 means something else on platform 1.0, which is known
/// by a field that only it has (FACTS §15.3).
fn severity(wire: &RecordWire<'_>) -> String {
    let unnamed = NamedWire::default();
    let told = wire.event_severity.as_ref().unwrap_or(&unnamed);
    let word = told.description.stored().to_lowercase();
    let sim = wire.sim.as_ref();
    let first_generation = sim.is_some_and(|sim| sim.production_date.some().is_some());
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
