//! One JSON object of 1NCE, field by field, without trusting any type.
//!
//! Numbers come as numbers or as strings, ids as either, times in five spellings; missing values are left out or
//! null (FACTS §5–§8). Every getter takes its field out when it can read it. What stays, unknown or unreadable,
//! becomes `extra`, so nothing is lost (DESIGN §2.10). Volumes go from JSON text to bytes without a float.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use domain::{DataVolume, provider_time};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::Unreadable;

#[derive(Debug, Default)]
pub(crate) struct Fields(BTreeMap<String, Box<RawValue>>);

/// PostgreSQL stores no NUL, in text as in JSON; 1NCE has no reason to send one.
fn without_nul(text: String) -> String {
    if text.contains('\0') {
        text.replace('\0', "\u{fffd}")
    } else {
        text
    }
}

fn clean(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(without_nul(text)),
        Value::Array(items) => Value::Array(items.into_iter().map(clean).collect()),
        Value::Object(map) => Value::Object(
            map.into_iter()
                .map(|(key, value)| (without_nul(key), clean(value)))
                .collect(),
        ),
        other => other,
    }
}

fn value_of(raw: &RawValue) -> Option<Value> {
    serde_json::from_str(raw.get()).ok().map(clean)
}

/// The text of a JSON string or number; `None` for anything else.
fn scalar(raw: &RawValue) -> Option<String> {
    let json = raw.get();
    match json.as_bytes().first()? {
        b'"' => serde_json::from_str(json).ok().map(without_nul),
        b'-' | b'0'..=b'9' => Some(json.to_owned()),
        _ => None,
    }
}

fn decimal(text: &str) -> Option<Decimal> {
    let text = text.trim();
    text.parse().or_else(|_| Decimal::from_scientific(text)).ok()
}

impl Fields {
    /// Reads one JSON object.
    pub(crate) fn parse(json: &[u8]) -> Result<Self, Unreadable> {
        serde_json::from_slice(json)
            .map(Self)
            .map_err(|error| Unreadable::new(format!("no JSON object: {error}")))
    }

    /// Takes a field out if `read` understands it; null and absent are the same.
    fn take<T>(&mut self, name: &str, read: impl FnOnce(&RawValue) -> Option<T>) -> Option<T> {
        let raw = self.0.get(name)?;
        if raw.get() == "null" {
            self.0.remove(name);
            return None;
        }
        let value = read(raw)?;
        self.0.remove(name);
        Some(value)
    }

    /// The text of a string or number. Empty text is a value of its own.
    pub(crate) fn text(&mut self, name: &str) -> Option<String> {
        self.take(name, scalar)
    }

    /// The same, but empty text means absent.
    pub(crate) fn word(&mut self, name: &str) -> Option<String> {
        self.text(name).filter(|text| !text.trim().is_empty())
    }

    /// A text that must become a value of a domain type; unreadable text stays in `extra`.
    pub(crate) fn parsed<T, E>(&mut self, name: &str, parse: impl FnOnce(&str) -> Result<T, E>) -> Option<T> {
        let empty = self
            .0
            .get(name)
            .is_some_and(|raw| scalar(raw).is_some_and(|text| text.trim().is_empty()));
        if empty {
            self.0.remove(name);
            return None;
        }
        self.take(name, |raw| scalar(raw).and_then(|text| parse(text.trim()).ok()))
    }

    pub(crate) fn integer(&mut self, name: &str) -> Option<i64> {
        self.take(name, |raw| {
            let text = scalar(raw)?;
            text.trim()
                .parse()
                .ok()
                .or_else(|| decimal(&text).and_then(|number| number.round().to_i64()))
        })
    }

    pub(crate) fn decimal(&mut self, name: &str) -> Option<Decimal> {
        self.take(name, |raw| scalar(raw).and_then(|text| decimal(&text)))
    }

    /// A decimal number of MB as bytes (FACTS §8).
    pub(crate) fn megabytes(&mut self, name: &str) -> Option<DataVolume> {
        self.take(name, |raw| {
            scalar(raw).and_then(|text| DataVolume::from_mb_text(&text).ok())
        })
    }

    pub(crate) fn boolean(&mut self, name: &str) -> Option<bool> {
        self.take(name, |raw| match raw.get().trim_matches('"') {
            "true" | "1" | "TRUE" | "True" => Some(true),
            "false" | "0" | "FALSE" | "False" => Some(false),
            _ => None,
        })
    }

    pub(crate) fn time(&mut self, name: &str) -> Option<DateTime<Utc>> {
        self.parsed(name, |text| provider_time(text).ok_or(()))
    }

    /// An object inside.
    pub(crate) fn object(&mut self, name: &str) -> Option<Self> {
        self.take(name, |raw| Self::parse(raw.get().as_bytes()).ok())
    }

    /// Reads an object inside; what `read` leaves in it stays under its name.
    pub(crate) fn inside<T>(&mut self, name: &str, read: impl FnOnce(&mut Self) -> T) -> Option<T> {
        let mut object = self.peek(name)?;
        let value = read(&mut object);
        if object.is_spent() {
            self.0.remove(name);
        } else {
            self.put(name, &object.0);
        }
        Some(value)
    }

    /// Reads the objects of an array inside; an element that `read` does not take whole stays under its name.
    pub(crate) fn each<T>(&mut self, name: &str, read: impl Fn(&mut Self) -> Option<T>) -> Vec<T> {
        let (mut items, mut left) = (Vec::new(), Vec::new());
        for raw in self.list(name).unwrap_or_default() {
            let mut object = Self::parse(raw.get().as_bytes()).ok();
            let item = object.as_mut().and_then(&read);
            if item.is_none() || !object.is_some_and(|object| object.is_spent()) {
                left.push(raw);
            }
            items.extend(item);
        }
        if !left.is_empty() {
            self.put(name, &left);
        }
        items
    }

    /// The words of an array inside; an element that is none stays under its name.
    pub(crate) fn words(&mut self, name: &str) -> Vec<String> {
        let raw = self.list(name).unwrap_or_default();
        let (words, left): (Vec<_>, Vec<_>) = raw.into_iter().partition(|raw| scalar(raw).is_some());
        if !left.is_empty() {
            self.put(name, &left);
        }
        words.iter().filter_map(|raw| scalar(raw)).collect()
    }

    fn put(&mut self, name: &str, value: &impl Serialize) {
        if let Ok(raw) = serde_json::value::to_raw_value(value) {
            self.0.insert(name.to_owned(), raw);
        }
    }

    /// Whether nothing is left but nulls.
    pub(crate) fn is_spent(&self) -> bool {
        self.0.values().all(|raw| raw.get() == "null")
    }

    /// Drops a field that is known to say nothing new.
    pub(crate) fn skip(&mut self, name: &str) {
        self.0.remove(name);
    }

    /// A copy of an object inside, which also stays where it is.
    pub(crate) fn peek(&self, name: &str) -> Option<Self> {
        Self::parse(self.0.get(name)?.get().as_bytes()).ok()
    }

    /// The elements of an array inside, unread.
    pub(crate) fn list(&mut self, name: &str) -> Option<Vec<Box<RawValue>>> {
        self.take(name, |raw| serde_json::from_str(raw.get()).ok())
    }

    /// Any JSON inside.
    pub(crate) fn any(&mut self, name: &str) -> Option<Value> {
        self.take(name, value_of)
    }

    /// A word that is a string in one generation and `{"description": …}` in the other (FACTS §6); a number beside the
    /// word says the same.
    pub(crate) fn described(&mut self, name: &str) -> Option<String> {
        self.described_as(name, |word| Some(word.to_owned()))
    }

    /// The same as a value; a word that `read` does not know stays.
    pub(crate) fn described_as<T>(&mut self, name: &str, read: impl Fn(&str) -> Option<T>) -> Option<T> {
        let parse = |word: &str| read(word).ok_or(());
        self.parsed(name, parse).or_else(|| {
            self.inside(name, |object| {
                let value = object.parsed("description", parse)?;
                object.skip("id");
                Some(value)
            })
            .flatten()
        })
    }

    /// Whether the field is there, be it null.
    pub(crate) fn names(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// Whether a field is there and not null.
    pub(crate) fn contains(&self, name: &str) -> bool {
        self.0.get(name).is_some_and(|raw| raw.get() != "null")
    }

    /// What nobody took; a value that is JSON but no text (half a surrogate pair) as it was written.
    pub(crate) fn extra(self) -> Map<String, Value> {
        self.0
            .into_iter()
            .filter(|(_, raw)| raw.get() != "null")
            .map(|(name, raw)| {
                let value = value_of(&raw).unwrap_or_else(|| Value::String(raw.get().to_owned()));
                (without_nul(name), value)
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn fields(json: &str) -> Fields {
        Fields::parse(json.as_bytes()).unwrap()
    }

    #[test]
    fn ids_and_numbers_are_read_from_strings_and_numbers_alike() {
        let mut object = fields(r#"{"a":"7","b":7,"c":"0.412000","d":-0.02,"e":550000000000000017,"f":2.0}"#);
        assert_eq!(object.integer("a"), Some(7));
        assert_eq!(object.integer("b"), Some(7));
        assert_eq!(object.megabytes("c").unwrap().bytes(), 432_013);
        assert_eq!(object.megabytes("d").unwrap().bytes(), -20_972);
        assert_eq!(object.text("e").as_deref(), Some("550000000000000017"));
        assert_eq!(object.integer("f"), Some(2));
        assert!(object.extra().is_empty());
    }

    #[test]
    fn what_is_unknown_or_unreadable_stays_and_null_is_absent() {
        let mut object = fields(r#"{"when":"yesterday","new":{"x":1},"gone":null,"label":""}"#);
        assert_eq!(object.time("when"), None);
        assert_eq!(object.text("label").as_deref(), Some(""));
        let extra = object.extra();
        assert_eq!(extra.len(), 2);
        assert_eq!(extra["when"], "yesterday");
        assert_eq!(extra["new"]["x"], 1);
    }

    #[test]
    fn a_nul_never_reaches_the_database() {
        let mut object = fields(r#"{"label":"a\u0000b","new":["\u0000"]}"#);
        assert_eq!(object.text("label").as_deref(), Some("a\u{fffd}b"));
        assert_eq!(object.extra()["new"][0], "\u{fffd}");
    }

    #[test]
    fn a_status_is_a_word_or_an_object() {
        assert_eq!(
            fields(r#"{"s":"ONLINE"}"#).described("s").as_deref(),
            Some("ONLINE")
        );
        assert_eq!(
            fields(r#"{"s":{"description":"BLOCKED"}}"#)
                .described("s")
                .as_deref(),
            Some("BLOCKED")
        );
    }

    #[test]
    fn what_a_reader_leaves_stays_under_its_name() {
        let mut object = fields(
            r#"{"s":{"state":"BLOCKED"},"t":{"id":1,"description":"ON","since":"x"},"u":"\ud800",
                "list":[{"a":1},{"a":2,"new":true},{"b":3},4]}"#,
        );
        assert_eq!(object.described("s"), None);
        assert_eq!(object.described("t").as_deref(), Some("ON"));
        assert_eq!(object.each("list", |each| each.integer("a")), [1, 2]);
        let extra = object.extra();
        assert_eq!(extra["s"], serde_json::json!({"state": "BLOCKED"}));
        assert_eq!(extra["t"], serde_json::json!({"since": "x"}));
        assert_eq!(extra["u"], r#""\ud800""#);
        assert_eq!(
            extra["list"],
            serde_json::json!([{"a": 2, "new": true}, {"b": 3}, 4])
        );
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(mut object) = Fields::parse(&bytes) {
                object.integer("a");
                object.extra();
            }
        }

        #[test]
        fn a_volume_keeps_every_byte_through_json(bytes in -1_000_000_000_000i64..1_000_000_000_000) {
            let mb = Decimal::from(bytes) / Decimal::from(domain::BYTES_PER_MB);
            for json in [format!(r#"{{"v":{mb}}}"#), format!(r#"{{"v":"{mb}"}}"#)] {
                prop_assert_eq!(fields(&json).megabytes("v").unwrap().bytes(), bytes);
            }
        }
    }
}
