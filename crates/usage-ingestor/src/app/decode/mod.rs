//! The Data Streamer's JSON to compact records (FACTS §15). A bad record costs only itself.

mod batches;
mod event;
mod kind;
mod limits;
mod usage;
mod wire;

pub use batches::{Batches, Encoded};
pub use limits::Limits;
pub use usage::{MAX_BYTES, MAX_SMS};

use messages::pb::usage as pb;
use serde_json::value::RawValue;

use kind::Kind;
use usage::Operator;
use wire::RecordWire;

/// Longest part of a rejected record that is kept, and the largest record that travels.
const MAX_RAW: usize = 256 * 1024;

/// The body is no JSON array; says where.
#[derive(Debug, thiserror::Error)]
#[error("the body is no JSON array: {0}")]
pub struct NoArray(#[from] serde_json::Error);

/// What a body held.
#[derive(Debug, Default)]
pub struct Decoded {
    /// Messages to publish, each under the limit of NATS.
    pub batches: Vec<Encoded>,
    /// Elements of the array.
    pub received: usize,
    /// Those of them that could not be read.
    pub rejected: usize,
}

/// Reads a whole body: an array of usage records, events and SMS events in any mixture and of either platform generation.
///
/// # Errors
/// [`NoArray`]; anything inside the array is taken, read or rejected.
pub fn decode(body: &[u8], limits: &Limits) -> Result<Decoded, NoArray> {
    match std::str::from_utf8(body) {
        Ok(text) => decode_text(text, limits),
        // A wrong byte in a name must not keep 3,000 records from coming in.
        Err(_) => decode_text(&String::from_utf8_lossy(body), limits),
    }
}

fn decode_text(text: &str, limits: &Limits) -> Result<Decoded, NoArray> {
    let elements: Vec<&RawValue> = serde_json::from_str(text)?;
    let mut batches = Batches::default();
    let mut rejected = 0;
    for element in &elements {
        match read(element.get(), limits) {
            Ok(record) => batches.push(record),
            Err(bad) => {
                rejected += 1;
                batches.push(Record::Rejected(bad));
            }
        }
    }
    Ok(Decoded {
        batches: batches.finish(),
        received: elements.len(),
        rejected,
    })
}

/// One element of the array.
#[derive(Debug)]
pub enum Record<'a> {
    /// Usage, and the operator that it names.
    Usage(pb::UsageRecord, Option<Operator<'a>>),
    /// An event or an SMS event.
    Event(pb::EventRecord),
    /// Neither.
    Rejected(pb::RejectedRecord),
}

/// Reads one element.
///
/// # Errors
/// The element as it is kept, with the reason.
pub fn read<'a>(raw: &'a str, limits: &Limits) -> Result<Record<'a>, pb::RejectedRecord> {
    if !raw.starts_with('{') {
        return Err(reject(raw, Kind::Unknown, "it is no JSON object"));
    }
    let wire = RecordWire::read(raw).map_err(|error| reject(raw, Kind::Unknown, &error.to_string()))?;
    let kind = Kind::of(&wire);
    let read = match kind {
        Kind::Usage => usage::read(&wire, limits),
        Kind::Event => event::read(&wire, limits).map(Record::Event),
        Kind::SmsMo | Kind::SmsReport => event::read_sms(&wire, kind, raw, limits).map(Record::Event),
        Kind::Unknown => {
            Err("it has neither traffic_type and volume nor event_type nor submit_date".to_owned())
        }
    };
    match read {
        Ok(Record::Event(event)) if event.detail_json.len() + event.description.len() > MAX_RAW => {
            Err(reject(raw, kind, "it is larger than 256 KiB"))
        }
        Ok(record) => Ok(record),
        Err(reason) => Err(reject(raw, kind, &reason)),
    }
}

fn reject(raw: &str, kind: Kind, reason: &str) -> pb::RejectedRecord {
    let mut end = raw.len().min(MAX_RAW);
    while !raw.is_char_boundary(end) {
        end -= 1;
    }
    let reason = if end < raw.len() {
        format!("{reason} (kept are the first {end} of {} bytes)", raw.len())
    } else {
        reason.to_owned()
    };
    pb::RejectedRecord {
        raw: raw.as_bytes()[..end].to_vec(),
        reason: reason.replace('\0', "\u{fffd}"),
        kind: kind.rejected().to_string(),
    }
}

#[cfg(test)]
mod tests;
