use domain::{AccountSlug, SimStatus};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use utoipa::openapi::schema::{Array, ArrayBuilder, Object, ObjectBuilder, Type};

use super::docs_examples::words;
use super::params::Faults;
use crate::app::sync::StartSync;
use crate::app::update_sim::UpdateSim;
use crate::error::ApiError;

const STATUSES: [&str; 2] = ["Enabled", "Disabled"];
const LABEL_CHARS: usize = 255;
const TAGS: usize = 50;
const TAG_CHARS: usize = 64;
const METADATA_BYTES: usize = 16 * 1024;

/// For the documentation; `update_sim` is what counts. At least one field.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(min_properties = 1)]
#[allow(dead_code, reason = "its fields are the documented body")]
pub struct UpdateSimBody {
    /// Without control characters; empty removes it.
    #[schema(max_length = 255, nullable = false)]
    label: Option<String>,
    /// Whether the SIM works in its present device only.
    #[schema(nullable = false)]
    imei_lock: Option<bool>,
    #[schema(schema_with = statuses)]
    status: Option<String>,
    #[schema(schema_with = tag_list)]
    tags: Option<Vec<String>>,
    /// Replaces the stored object; at most 16 KiB.
    #[schema(value_type = Option<Object>, nullable = false)]
    metadata: Option<Map<String, Value>>,
}

/// For the documentation; `start_sync` is what counts.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "its fields are the documented body")]
pub struct StartSyncBody {
    /// One account; absent means all.
    #[schema(nullable = false, pattern = "^[a-z0-9-]{1,32}$")]
    account: Option<String>,
    /// Store that SIMs are gone even when they are suspiciously many.
    #[schema(nullable = false)]
    accept_mass_missing: Option<bool>,
}

fn statuses() -> Object {
    words(&STATUSES, None)
}

fn tag_list() -> Array {
    let tag = ObjectBuilder::new()
        .schema_type(Type::String)
        .min_length(Some(1))
        .max_length(Some(TAG_CHARS));
    ArrayBuilder::new()
        .items(tag)
        .max_items(Some(TAGS))
        .description(Some(
            "Replace the stored ones; none blank, none with control characters.",
        ))
        .build()
}

/// Reads what is to change; names every field that is not accepted, with the faults of the rest of the request.
pub fn update_sim(body: Map<String, Value>, mut faults: Faults) -> Result<UpdateSim, ApiError> {
    let mut update = UpdateSim::default();
    if body.is_empty() {
        faults.add("body", "names no field to change");
    }
    for (name, value) in body {
        match name.as_str() {
            "label" => update.label = label(value, &mut faults),
            "imei_lock" => update.imei_lock = flag(&name, &value, &mut faults),
            "status" => update.status = status(&value, &mut faults),
            "tags" => update.tags = tags(value, &mut faults),
            "metadata" => update.metadata = metadata(value, &mut faults),
            _ => faults.add(
                &name,
                "is no field that can be changed: label, imei_lock, status, tags, metadata",
            ),
        }
    }
    faults.or(update)
}

/// Reads which accounts to read; names every field that is not accepted, with the faults of the rest of the request.
pub fn start_sync(body: Map<String, Value>, mut faults: Faults) -> Result<StartSync, ApiError> {
    let mut start = StartSync::default();
    for (name, value) in body {
        match name.as_str() {
            "account" => match value.as_str().map(AccountSlug::parse) {
                Some(Ok(account)) => start.account = Some(account),
                _ => faults.add("account", "has 1 to 32 lower-case letters, digits and dashes"),
            },
            "accept_mass_missing" => {
                start.accept_mass_missing = flag(&name, &value, &mut faults).unwrap_or_default();
            }
            _ => faults.add(&name, "is no field of this request: account, accept_mass_missing"),
        }
    }
    faults.or(start)
}

fn flag(name: &str, value: &Value, faults: &mut Faults) -> Option<bool> {
    let flag = value.as_bool();
    if flag.is_none() {
        faults.add(name, "is true or false");
    }
    flag
}

fn label(value: Value, faults: &mut Faults) -> Option<String> {
    match value {
        Value::String(text) if is_plain(&text, LABEL_CHARS) => Some(text),
        _ => {
            faults.add(
                "label",
                "is a text of at most 255 characters, none of them a control character; an empty one removes it",
            );
            None
        }
    }
}

fn status(value: &Value, faults: &mut Faults) -> Option<SimStatus> {
    match value.as_str() {
        Some("Enabled") => Some(SimStatus::Enabled),
        Some("Disabled") => Some(SimStatus::Disabled),
        _ => {
            faults.add("status", "is Enabled or Disabled");
            None
        }
    }
}

/// Tags in the order given, each once.
fn tags(value: Value, faults: &mut Faults) -> Option<Vec<String>> {
    let Value::Array(values) = value else {
        faults.add("tags", "is a list of at most 50 texts");
        return None;
    };
    if values.len() > TAGS {
        faults.add("tags", "has at most 50 entries");
        return None;
    }
    let mut tags: Vec<String> = Vec::with_capacity(values.len());
    for (place, value) in values.into_iter().enumerate() {
        match value {
            Value::String(tag) if !tag.trim().is_empty() && is_plain(&tag, TAG_CHARS) => {
                if !tags.contains(&tag) {
                    tags.push(tag);
                }
            }
            _ => faults.add(
                &format!("tags[{place}]"),
                "is a text of 1 to 64 characters, none of them a control character",
            ),
        }
    }
    Some(tags)
}

fn metadata(value: Value, faults: &mut Faults) -> Option<Map<String, Value>> {
    if !value.is_object() {
        faults.add("metadata", "is a JSON object");
        return None;
    }
    if value.to_string().len() > METADATA_BYTES {
        faults.add("metadata", "has at most 16384 bytes as JSON");
        return None;
    }
    if has_nul(&value) {
        faults.add("metadata", "must not contain the character U+0000");
        return None;
    }
    match value {
        Value::Object(object) => Some(object),
        _ => None,
    }
}

fn is_plain(text: &str, longest: usize) -> bool {
    text.chars().count() <= longest && !text.chars().any(char::is_control)
}

/// PostgreSQL stores no U+0000.
fn has_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(values) => values.iter().any(has_nul),
        Value::Object(object) => object
            .iter()
            .any(|(key, value)| key.contains('\0') || has_nul(value)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(value: Value) -> Result<UpdateSim, ApiError> {
        update_sim(value.as_object().unwrap().clone(), Faults::default())
    }

    fn bad_fields(value: Value) -> Vec<String> {
        let mut fields: Vec<_> = read(value)
            .unwrap_err()
            .fields
            .into_iter()
            .map(|(field, _)| field)
            .collect();
        fields.sort();
        fields
    }

    #[test]
    fn a_good_update_is_read_as_it_is() {
        let update = read(json!({
            "label": "", "imei_lock": true, "status": "Disabled", "tags": ["b", "a", "b"], "metadata": {"n": 1}
        }))
        .unwrap();
        assert_eq!(update.label.as_deref(), Some(""));
        assert_eq!(
            (update.imei_lock, update.status),
            (Some(true), Some(SimStatus::Disabled))
        );
        assert_eq!(update.tags, Some(vec!["b".to_owned(), "a".to_owned()]));
        assert_eq!(update.metadata.unwrap()["n"], 1);
        assert_eq!(read(json!({ "tags": [] })).unwrap().tags, Some(vec![]));
    }

    #[test]
    fn every_bad_field_is_named_at_once() {
        let fields = bad_fields(json!({
            "label": "x".repeat(256), "imei_lock": "yes", "status": "Expired",
            "tags": ["", "good", 7, "x".repeat(65)], "metadata": [], "colour": "red"
        }));
        let expected = [
            "colour",
            "imei_lock",
            "label",
            "metadata",
            "status",
            "tags[0]",
            "tags[2]",
            "tags[3]",
        ];
        assert_eq!(fields, expected);
    }

    #[test]
    fn limits_hold_exactly() {
        assert!(read(json!({ "label": "\u{e9}".repeat(255) })).is_ok());
        assert_eq!(bad_fields(json!({ "label": "a\u{0}b" })), ["label"]);
        assert_eq!(bad_fields(json!({ "label": null })), ["label"]);
        assert_eq!(bad_fields(json!({})), ["body"]);
        assert_eq!(bad_fields(json!({ "tags": vec!["t"; 51] })), ["tags"]);
        let fill = |bytes: usize| json!({ "metadata": { "k": "x".repeat(bytes - r#"{"k":""}"#.len()) } });
        assert!(read(fill(METADATA_BYTES)).is_ok());
        assert_eq!(bad_fields(fill(METADATA_BYTES + 1)), ["metadata"]);
        assert_eq!(
            bad_fields(json!({ "metadata": { "a": [{ "b\u{0}": 1 }] } })),
            ["metadata"]
        );
    }

    #[test]
    fn a_sync_names_an_account_or_none() {
        let read = |value: Value| start_sync(value.as_object().unwrap().clone(), Faults::default());
        assert_eq!(read(json!({})).unwrap(), StartSync::default());
        let start = read(json!({ "account": "main", "accept_mass_missing": true })).unwrap();
        assert_eq!(start.account.unwrap().as_str(), "main");
        let error = read(json!({ "account": "Main!", "accept_mass_missing": 1, "x": 1 })).unwrap_err();
        assert_eq!(error.fields.len(), 3);
    }
}
