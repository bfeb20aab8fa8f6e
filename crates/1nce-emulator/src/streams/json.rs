//! Records as the Data Streamer writes them (FACTS §15.2, §15.3).

use serde_json::{Value, json};

use super::records::{Record, Volume, session_id};
use crate::account::events::{Detail, Event};
use crate::account::view::View;
use crate::api::events::{Style, small_id, v2};
use crate::dates::rfc3339;
use crate::fleet::seeded::{self, Operator};

/// A number of MB: plain, but with an exponent when it is under a thousandth.
pub fn megabytes(millionths: i64) -> String {
    if (1..1000).contains(&millionths) {
        let digits = millionths.to_string();
        let rest = digits[1..].trim_end_matches('0');
        let rest = if rest.is_empty() { "0" } else { rest };
        return format!("{}.{rest}E-{}", &digits[..1], 7 - digits.len());
    }
    let text = format!("{}.{:06}", millionths / 1_000_000, millionths % 1_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Total, up and down as JSON numbers.
fn volumes(volume: Volume) -> [String; 3] {
    match volume {
        Volume::Data { tx, rx } => [tx + rx, tx, rx].map(megabytes),
        Volume::Mo => ["1", "1", "0"].map(str::to_owned),
        Volume::Mt => ["1", "0", "1"].map(str::to_owned),
    }
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// The SIM, its endpoint and its organisation; generation 1 tells more about them.
fn whose(old: bool, organisation: u64, view: &View<'_>) -> String {
    let (id, iccid) = (small_id(u64::from(view.sim)), view.iccid());
    let production = if old {
        format!(r#","production_date":"{}""#, rfc3339(view.activation_date()))
    } else {
        String::new()
    };
    let legacy = if old { r#","tags":null,"balance":null"# } else { "" };
    format!(
        concat!(
            r#""imsi":"{}","imsi_id":{},"organisation":{{"id":{},"name":"{}"}},"#,
            r#""sim":{{"id":{},"iccid":"{}","msisdn":"{}"{}}},"#,
            r#""endpoint":{{"id":{},"name":"{}","ip_address":{},"imei":{}{}}}"#,
        ),
        seeded::imsi(view.sim),
        id,
        small_id(organisation),
        organisation,
        id,
        iccid,
        seeded::msisdn(view.sim),
        production,
        id,
        iccid,
        quoted(&view.ip_address()),
        quoted(&view.imei().unwrap_or_default()),
        legacy,
    )
}

/// Network and tariff.
fn through(op: &Operator) -> String {
    format!(
        concat!(
            r#""operator":{{"id":{},"name":"{}","mnc":"{}","country":{{"id":{},"mcc":"{}","name":"{}"}}}},"#,
            r#""tariff":{{"id":442,"name":"Flat","ratezone":{{"id":2171,"name":"RZ1"}}}}"#,
        ),
        op.id, op.name, op.mnc, op.country_id, op.mcc, op.country,
    )
}

/// A usage record of platform generation 1 or 2.
pub fn usage(generation: u8, organisation: u64, view: &View<'_>, record: &Record) -> String {
    let old = generation == 1;
    let [total, tx, rx] = volumes(record.volume);
    let data = matches!(record.volume, Volume::Data { .. });
    let (traffic, name) = if data { (5, "Data") } else { (6, "SMS") };
    let rest = match (old, data) {
        (true, _) => format!(r#","cost":{total},"currency":{{"id":1,"symbol":"€","code":"EUR"}}"#),
        (false, true) => format!(
            r#","detail":{{"pdp_context":{{"rat_type":{},"ipcan_session_id":"{}"}}}}"#,
            record.rat,
            session_id(view.seeded, record.sim, record.end),
        ),
        (false, false) => String::new(),
    };
    format!(
        concat!(
            r#"{{"id":{},"start_timestamp":"{}","end_timestamp":"{}",{},{},"#,
            r#""traffic_type":{{"id":{},"description":"{}"}},"volume":{{"total":{},"tx":{},"rx":{}}}{}}}"#,
        ),
        record.id,
        rfc3339(record.start),
        rfc3339(record.end),
        whose(old, organisation, view),
        through(record.operator),
        traffic,
        name,
        total,
        tx,
        rx,
        rest,
    )
}

/// An event record of platform generation 1 or 2.
pub fn event(generation: u8, organisation: u64, view: &View<'_>, event: &Event) -> String {
    let style = Style {
        details: true,
        strict: false,
    };
    let mut item = v2(style, organisation, view, event);
    if event.kind == 12 {
        // Printed as a number (FACTS-2026-11 U6.1).
        item["alert"] = json!(1);
    }
    if generation == 1 {
        if item.get("sim").is_some() {
            let made = rfc3339(view.activation_date());
            item["imsi"]["import_date"] = json!(made);
            item["sim"]["production_date"] = json!(made);
            item["endpoint"]["tags"] = Value::Null;
        }
        if let (Detail::Quota(quota), 18..=21) = (&event.detail, event.kind) {
            // Volumes of this generation come as text as well (FACTS §15.3).
            item["detail"] = json!({ "quota": {
                "threshold_volume": quota.total as f64 / 5e6, "volume": megabytes_text(quota.left),
                "threshold_percentage": 20,
            }});
        }
        if matches!(event.kind, 20 | 21) {
            item["detail"]["quota"]["traffic_type"] = json!({ "id": 6, "description": "SMS" });
        }
    }
    item.to_string()
}

fn megabytes_text(millionths: i64) -> String {
    let sign = if millionths < 0 { "-" } else { "" };
    format!(
        "{sign}{}.{:06}",
        millionths.abs() / 1_000_000,
        millionths.abs() % 1_000_000
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn volumes_are_numbers_and_small_ones_have_an_exponent() {
        for (millionths, text) in [
            (0, "0"),
            (1, "1.0E-6"),
            (15, "1.5E-5"),
            (950, "9.5E-4"),
            (999, "9.99E-4"),
            (1000, "0.001"),
            (250_000, "0.25"),
            (1_000_000, "1"),
            (12_000_001, "12.000001"),
            (20_000_000, "20"),
        ] {
            assert_eq!(megabytes(millionths), text);
            let back: f64 = text.parse().unwrap_or_default();
            assert_eq!((back * 1e6).round() as i64, millionths);
        }
    }
}
