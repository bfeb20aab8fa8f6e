//! The lines of an import, read as they arrive: never more of them in memory than one part has.

use std::io::{self, Cursor, Read};

use csv::ByteRecord;
use domain::Iccid;
use messages::pb::sim as pb;
use prost::Message;
use serde_json::Value;

use crate::app::jobs::Part;
use crate::error::ApiError;
use crate::rest::frame::faults::Faults;
use crate::rest::frame::fields::Field;
use crate::rest::sims::body::{Label, METADATA_BYTES, Metadata, Tags};
use crate::rest::sims::cells::{COLUMNS, split_tags, unguarded};

/// Lines of one file, without the head.
const LINES: u32 = 200_000;
/// Lines and bytes of one part; sim-service takes twice the lines, and NATS messages of 1 MiB.
const PART_LINES: usize = 500;
const PART_BYTES: usize = 400 * 1024;
/// The longest head, bytes.
const HEAD_BYTES: usize = 16 * 1024;
/// What is kept of a cell that is no ICCID, characters.
const ECHO: usize = 64;
const BOM: &[u8] = b"\xef\xbb\xbf";

/// Where the columns of an import stand; others of an export are read-only and passed over.
#[derive(Debug, Default)]
struct Columns {
    width: usize,
    iccid: usize,
    label: Option<usize>,
    tags: Option<usize>,
    metadata: Option<usize>,
}

/// Why reading ended early.
#[derive(Debug)]
pub enum Stop {
    /// The client or the reader of the parts is gone.
    Gone,
    /// What the client is told.
    Fault(ApiError),
}

/// Reads a file and hands its parts on, the head first and the end last; `emit` answers false when nobody wants more.
pub fn read(body: impl Read, mut emit: impl FnMut(Part) -> bool) -> Result<(), Stop> {
    let (delimiter, body) = begin(body)?;
    let mut csv = csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .flexible(true)
        .from_reader(body);
    let columns = columns(csv.byte_headers().map_err(stop)?)?;
    let mut record = ByteRecord::new();
    if !csv.read_byte_record(&mut record).map_err(stop)? {
        return Err(fault("has no line below its head"));
    }
    let mut send = |part| if emit(part) { Ok(()) } else { Err(Stop::Gone) };
    send(Part::Begin(columns.names()))?;
    let (mut lines, mut bytes, mut number) = (Vec::new(), 0, 0);
    loop {
        number += 1;
        if number > LINES {
            return Err(fault("has at most 200000 lines"));
        }
        let line = line(&columns, number, &record);
        let length = line.encoded_len() + FRAME;
        if lines.len() == PART_LINES || bytes + length > PART_BYTES {
            send(Part::Lines(std::mem::take(&mut lines)))?;
            bytes = 0;
        }
        bytes += length;
        lines.push(line);
        if !csv.read_byte_record(&mut record).map_err(stop)? {
            break;
        }
    }
    send(Part::Lines(lines))?;
    send(Part::End(number))
}

/// What a line costs in a message beside its own bytes: tag and length.
const FRAME: usize = 6;

fn fault(reason: &str) -> Stop {
    Stop::Fault(ApiError::field("body", reason))
}

/// What the body's reader said; a lost client needs no answer.
fn stop(error: csv::Error) -> Stop {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => stop_io(error),
        _ => fault("cannot be read as CSV"),
    }
}

fn stop_io(error: io::Error) -> Stop {
    error.downcast::<ApiError>().map_or(Stop::Gone, Stop::Fault)
}

/// The delimiter, which the head tells, and the body without a byte order mark.
fn begin<R: Read>(mut body: R) -> Result<(u8, impl Read), Stop> {
    let mut head = Vec::new();
    let mut chunk = [0; 1024];
    while !head.iter().any(|byte| matches!(byte, b'\n' | b'\r')) {
        let length = body.read(&mut chunk).map_err(stop_io)?;
        if length == 0 {
            break;
        }
        head.extend_from_slice(&chunk[..length]);
        if head.len() > HEAD_BYTES {
            return Err(fault("begins with no line of column names"));
        }
    }
    if head.starts_with(BOM) {
        head.drain(..BOM.len());
    }
    let end = head.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
    let first = &head[..end.unwrap_or(head.len())];
    let count = |wanted: u8| first.iter().filter(|byte| **byte == wanted).count();
    let delimiter = if count(b';') > count(b',') { b';' } else { b',' };
    Ok((delimiter, Cursor::new(head).chain(body)))
}

fn columns(head: &ByteRecord) -> Result<Columns, Stop> {
    let mut columns = Columns {
        width: head.len(),
        ..Columns::default()
    };
    let (mut faults, mut iccid) = (Faults::default(), None);
    for (place, name) in head.iter().enumerate() {
        let Ok(name) = std::str::from_utf8(name).map(str::trim) else {
            return Err(fault("is no UTF-8"));
        };
        let slot = match name {
            "iccid" => &mut iccid,
            "label" => &mut columns.label,
            "tags" => &mut columns.tags,
            "metadata" => &mut columns.metadata,
            name if COLUMNS.contains(&name) => continue,
            "" => {
                faults.add("body", format!("names no column {}", place + 1));
                continue;
            }
            name => {
                faults.add(
                    name,
                    "is no column of an import (iccid, label, tags, metadata) or of an export",
                );
                continue;
            }
        };
        if slot.replace(place).is_some() {
            faults.add(name, "is a column twice");
        }
    }
    columns.iccid = iccid.unwrap_or_else(|| {
        faults.add("iccid", "is missing among the columns");
        0
    });
    faults.or(columns).map_err(Stop::Fault)
}

impl Columns {
    /// The columns that change something.
    fn names(&self) -> Vec<&'static str> {
        let named = [
            ("label", self.label),
            ("tags", self.tags),
            ("metadata", self.metadata),
        ];
        let present = named.iter().filter(|(_, place)| place.is_some());
        present.map(|(name, _)| *name).collect()
    }
}

/// The line as it is stored: what it changes, or why it cannot be carried out.
fn line(columns: &Columns, number: u32, record: &ByteRecord) -> pb::ImportLine {
    match change(columns, record) {
        Ok((iccid, change)) => pb::ImportLine {
            line: number,
            iccid: iccid.to_string(),
            change: Some(change),
            error: String::new(),
        },
        Err(error) => {
            let cell = String::from_utf8_lossy(record.get(columns.iccid).unwrap_or_default());
            pb::ImportLine {
                line: number,
                iccid: cell.trim().chars().take(ECHO).collect(),
                change: None,
                error,
            }
        }
    }
}

fn change(columns: &Columns, record: &ByteRecord) -> Result<(Iccid, pb::SimChange), String> {
    if record.len() != columns.width {
        return Err(format!(
            "has {} cells, the head has {}",
            record.len(),
            columns.width
        ));
    }
    let cell = |place: usize| std::str::from_utf8(&record[place]).map(unguarded);
    let wanted = [Some(columns.iccid), columns.label, columns.tags, columns.metadata];
    if wanted.into_iter().flatten().any(|place| cell(place).is_err()) {
        return Err("is no UTF-8".to_owned());
    }
    let cell = |place: Option<usize>| place.and_then(|place| cell(place).ok());
    let mut faults = Faults::default();
    let iccid = Iccid::parse(cell(Some(columns.iccid)).unwrap_or_default().trim());
    if let Err(error) = iccid {
        faults.add("iccid", error.to_string());
    }
    let change = pb::SimChange {
        label: cell(columns.label).and_then(|text| {
            let label = Label::collect("label", Value::String(text.to_owned()), &mut faults);
            label.map(|label| label.0)
        }),
        tags: cell(columns.tags).and_then(|text| {
            let tags = split_tags(text).into_iter().map(Value::String).collect();
            let tags = Tags::<0>::collect("tags", Value::Array(tags), &mut faults)?;
            Some(pb::TagList { tags: tags.0 })
        }),
        metadata_json: cell(columns.metadata).and_then(|text| metadata(text, &mut faults)),
        ..pb::SimChange::default()
    };
    match (faults.or(()), iccid) {
        (Ok(()), Ok(iccid)) => Ok((iccid, change)),
        (Err(error), _) => Err(reasons(&error)),
        (Ok(()), Err(error)) => Err(error.to_string()),
    }
}

/// The object as it stands in the cell, so that large numbers stay as they are; without its spaces when it is too long.
fn metadata(text: &str, faults: &mut Faults) -> Option<String> {
    let text = match text.trim() {
        "" => "{}",
        text => text,
    };
    let Ok(value) = serde_json::from_str(text) else {
        faults.add("metadata", "is no JSON");
        return None;
    };
    let Metadata(object) = Metadata::collect("metadata", value, faults)?;
    Some(if text.len() <= METADATA_BYTES {
        text.to_owned()
    } else {
        Value::Object(object).to_string()
    })
}

fn reasons(error: &ApiError) -> String {
    let reasons = error
        .fields
        .iter()
        .map(|(field, reason)| format!("{field} {reason}"));
    reasons.collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
#[path = "csv_tests.rs"]
mod tests;
