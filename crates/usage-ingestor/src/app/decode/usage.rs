use chrono::{DateTime, Duration, Utc};
use domain::{DataVolume, Iccid, provider_time};
use messages::pb::usage as pb;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::wire::{OperatorWire, RecordWire, Text, UsageDetailWire, part};
use super::{Limits, Record};

/// 4 TiB: more than any session moves, and so little that a day's sum cannot pass 64 bits.
pub const MAX_BYTES: i64 = 1 << 42;
/// Messages of one record; a record is made for each.
pub const MAX_SMS: u32 = 10_000;
/// A session that began earlier before its end is a mistake; the record's day is that of its end.
const LONGEST_SESSION: Duration = Duration::days(400);
const MAX_INT: u32 = i32::MAX as u32;

/// Reads a usage record (FACTS §15.2).
pub fn read<'a>(wire: &RecordWire<'a>, limits: &Limits) -> Result<Record<'a>, String> {
    let record_id = wire
        .id
        .as_str()
        .parse::<i64>()
        .map_err(|_| "id is no 64-bit number")?;
    let iccid = iccid(wire)?.ok_or("neither sim.iccid nor endpoint.name is an ICCID")?;
    let ended_at = provider_time(wire.end_timestamp.as_str()).ok_or("end_timestamp is no time")?;
    limits.check("end_timestamp", ended_at, limits.oldest_usage)?;
    let mut record = pb::UsageRecord {
        iccid: iccid.as_i64().unsigned_abs(),
        record_id,
        started_at_ms: started_at(wire, ended_at).timestamp_millis(),
        ended_at_ms: ended_at.timestamp_millis(),
        imsi: wire.imsi.0,
        ..pb::UsageRecord::default()
    };
    read_volume(wire, &mut record)?;
    if let Some(tariff) = &wire.tariff {
        record.tariff_id = tariff.id.small(MAX_INT);
        record.ratezone_id = tariff.ratezone.id.small(MAX_INT);
    }
    if let Some(detail) = wire.detail {
        let detail: UsageDetailWire<'_> = part(detail);
        record.rat = detail.pdp_context.rat_type.small(i16::MAX as u32);
        record.session_id = session(&detail.pdp_context.ipcan_session_id);
    }
    let operator = wire.operator.as_ref().and_then(Operator::of);
    if let Some(operator) = &operator {
        record.operator_id = operator.id;
        record.mcc = operator.mcc;
    }
    Ok(Record::Usage(record, operator))
}

/// The SIM of a record; `None` where none is named.
///
/// # Errors
/// When one is named and is no ICCID.
pub fn iccid(wire: &RecordWire<'_>) -> Result<Option<Iccid>, String> {
    if let Some(text) = wire.sim.as_ref().and_then(|sim| sim.iccid.some()) {
        return Iccid::parse(text)
            .map(Some)
            .map_err(|error| format!("sim.iccid: {error}"));
    }
    let name = wire.endpoint.as_ref().and_then(|endpoint| endpoint.name.some());
    Ok(name.and_then(|name| Iccid::parse(name).ok()))
}

/// A sample of the documentation ends before it starts, so the order is not a reason to refuse (FACTS §15.2).
fn started_at(wire: &RecordWire<'_>, ended_at: DateTime<Utc>) -> DateTime<Utc> {
    provider_time(wire.start_timestamp.as_str())
        .filter(|start| (*start - ended_at).abs() <= LONGEST_SESSION)
        .unwrap_or(ended_at)
}

/// Data: MB, tx = sent by the device. SMS: counts, tx = MO, rx = MT; the other way round than 1NCE's API (FACTS §7).
fn read_volume(wire: &RecordWire<'_>, record: &mut pb::UsageRecord) -> Result<(), String> {
    let (Some(traffic), Some(volume)) = (&wire.traffic_type, &wire.volume) else {
        return Err("traffic_type or volume is missing".to_owned());
    };
    let (total, tx, rx) = (volume.total, volume.tx, volume.rx);
    if total.is_none() && tx.is_none() && rx.is_none() {
        return Err("volume tells neither total nor tx nor rx".to_owned());
    }
    let word = traffic.description.as_str().to_ascii_lowercase();
    match (traffic.id.as_str(), word.as_str()) {
        ("5", _) | ("", "data") => {
            record.tx = bytes("volume.tx", tx)?.unwrap_or(0);
            record.rx = bytes("volume.rx", rx)?.unwrap_or(0);
            record.total = bytes("volume.total", total)?.unwrap_or(record.tx + record.rx);
        }
        ("6", _) | ("", "sms") => {
            record.sms_mo = count("volume.tx", tx)?.unwrap_or(0);
            record.sms_mt = count("volume.rx", rx)?.unwrap_or(0);
            let total = count("volume.total", total)?.unwrap_or(record.sms_mo + record.sms_mt);
            if total != record.sms_mo + record.sms_mt {
                return Err("volume.total is not the sum of tx and rx".to_owned());
            }
        }
        (id, _) => return Err(format!("traffic_type {id} is neither 5 (data) nor 6 (SMS)")),
    }
    Ok(())
}

/// A number, or a string with one; `null` is none.
fn number(raw: Option<&RawValue>) -> Option<&str> {
    let text = raw?.get();
    let inner = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    Some(inner.unwrap_or(text)).filter(|text| *text != "null")
}

fn bytes(name: &str, raw: Option<&RawValue>) -> Result<Option<u64>, String> {
    let Some(text) = number(raw) else {
        return Ok(None);
    };
    let bytes = DataVolume::from_mb_text(text)
        .map_err(|error| format!("{name}: {error}"))?
        .bytes();
    match bytes {
        0..=MAX_BYTES => Ok(Some(bytes.unsigned_abs())),
        i64::MIN..0 => Err(format!("{name} is negative")),
        _ => Err(format!("{name} is over 4 TiB")),
    }
}

fn count(name: &str, raw: Option<&RawValue>) -> Result<Option<u32>, String> {
    let Some(text) = number(raw) else {
        return Ok(None);
    };
    // `1`, `1.0` and `"1"` are one message. A millionth of a MB is finer than a count, so a fraction shows.
    let whole = text.parse::<f64>().ok().filter(|count| count.fract() == 0.0);
    match whole {
        Some(count) if (0.0..=f64::from(MAX_SMS)).contains(&count) => Ok(Some(count as u32)),
        Some(_) => Err(format!("{name} is not between 0 and {MAX_SMS} messages")),
        None => Err(format!("{name} is no whole number")),
    }
}

/// The UUID's bytes; another spelling is hashed to as many, for only equality counts.
fn session(text: &Text<'_>) -> Vec<u8> {
    match text.some() {
        None => Vec::new(),
        Some(text) => match Uuid::parse_str(text) {
            Ok(id) => id.as_bytes().to_vec(),
            Err(_) => Sha256::digest(text)[..16].to_vec(),
        },
    }
}

/// The operator that a record names; most records name one that is known already, so its texts stay borrowed.
#[derive(Debug, Clone)]
pub struct Operator<'a> {
    pub id: u32,
    mcc: u32,
    wire: OperatorWire<'a>,
}

impl<'a> Operator<'a> {
    fn of(wire: &OperatorWire<'a>) -> Option<Self> {
        let operator = Self {
            id: wire.id.small(MAX_INT),
            mcc: wire.country.mcc.small(999),
            wire: wire.clone(),
        };
        (operator.id > 0).then_some(operator)
    }

    /// As it travels.
    pub fn owned(self) -> pb::Operator {
        pb::Operator {
            id: self.id,
            name: self.wire.name.stored(),
            mnc: self.wire.mnc.stored(),
            country_id: self.wire.country.id.small(MAX_INT),
            mcc: self.mcc,
            country: self.wire.country.name.stored(),
        }
    }
}
