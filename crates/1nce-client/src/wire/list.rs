//! Bare arrays and the objects some servers wrap them in; a bad record costs only itself.

use serde_json::value::RawValue;

use super::{Fields, Unreadable};
use crate::model::RejectedRecord;

/// Names under which a wrapped list was seen or is likely (FACTS §4).
const WRAPPERS: [&str; 6] = ["sims", "events", "stats", "items", "content", "data"];

/// Whether a body is empty or begins as JSON does; cheap, the rest is told by reading it.
pub(crate) fn empty_or_json(body: &[u8]) -> Result<(), Unreadable> {
    match body.iter().find(|byte| !byte.is_ascii_whitespace()) {
        None | Some(b'[' | b'{') => Ok(()),
        Some(_) => Err(Unreadable::new("neither a JSON array nor an object")),
    }
}

/// The elements of a bare or wrapped array, unread.
pub(crate) fn array(body: &[u8]) -> Result<Vec<Box<RawValue>>, Unreadable> {
    match body.iter().find(|byte| !byte.is_ascii_whitespace()) {
        Some(b'[') => serde_json::from_slice(body)
            .map_err(|error| Unreadable::new(format!("broken JSON array: {error}"))),
        Some(b'{') => {
            let mut fields = Fields::parse(body)?;
            WRAPPERS
                .into_iter()
                .find_map(|name| fields.list(name))
                .ok_or_else(|| Unreadable::new("an object without a list"))
        }
        Some(_) => Err(Unreadable::new("neither a JSON array nor an object")),
        None => Err(Unreadable::new("an empty body")),
    }
}

/// Reads every record; those that cannot be read are returned with their text.
pub(crate) fn read_list<T>(
    records: Vec<Box<RawValue>>,
    read: impl Fn(Fields) -> Result<T, Unreadable>,
) -> (Vec<T>, Vec<RejectedRecord>) {
    let mut good = Vec::with_capacity(records.len());
    let mut rejects = Vec::new();
    for record in records {
        match Fields::parse(record.get().as_bytes()).and_then(&read) {
            Ok(item) => good.push(item),
            Err(reason) => rejects.push(RejectedRecord {
                raw: record.get().to_owned(),
                reason: reason.0,
            }),
        }
    }
    (good, rejects)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrays_are_bare_or_wrapped_and_nothing_else() {
        assert_eq!(array(b" [1,2]").unwrap().len(), 2);
        assert_eq!(array(br#"{"events":[1],"totalEvents":1}"#).unwrap().len(), 1);
        assert!(array(b"<html>").is_err());
        assert!(array(b"").is_err());
        assert!(array(br#"{"message":"no"}"#).is_err());
        assert!(array(b"[1,").is_err());
    }

    #[test]
    fn a_bad_record_costs_only_itself_and_keeps_its_text() {
        let records = array(br#"[{"a":1},7,{"a":"x"}]"#).unwrap();
        let (good, rejects) = read_list(records, |mut fields| {
            fields.integer("a").ok_or_else(|| Unreadable::new("no a"))
        });
        assert_eq!(good, [1]);
        assert_eq!(rejects.len(), 2);
        assert_eq!(rejects[0].raw, "7");
        assert_eq!(rejects[1].reason, "no a");
    }
}
