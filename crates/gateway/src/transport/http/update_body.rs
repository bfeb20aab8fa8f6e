use domain::{OrganizationId, SimStatus};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use utoipa::openapi::schema::{Array, ArrayBuilder, Object, ObjectBuilder, Type};
use uuid::Uuid;

use super::docs_examples::words;
use super::params::Faults;
use crate::app::update_sim::UpdateSim;

const STATUSES: [&str; 2] = ["Enabled", "Disabled"];
const LABEL_CHARS: usize = 255;
const TAGS: usize = 50;
const TAG_CHARS: usize = 64;
pub(super) const METADATA_BYTES: usize = 16 * 1024;

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
    /// Gives the SIM to another organization; for keys of the whole platform.
    #[schema(nullable = false, format = Uuid)]
    organization_id: Option<String>,
}

pub(super) fn statuses() -> Object {
    words(&STATUSES, None)
}

pub(super) fn tag_list() -> Array {
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

/// Reads what is to change; adds every field that is not accepted to the faults.
pub fn update_sim(body: Map<String, Value>, faults: &mut Faults) -> UpdateSim {
    let mut update = UpdateSim::default();
    if body.is_empty() {
        faults.add("body", "names no field to change");
    }
    for (name, value) in body {
        if !read_field(&name, &name, value, &mut update, faults) {
            let known = "label, imei_lock, status, tags, metadata, organization_id";
            faults.add(&name, format!("is no field that can be changed: {known}"));
        }
    }
    update
}

/// Reads one field of a change, which faults call `at`; false when there is no such field.
pub(super) fn read_field(
    name: &str,
    at: &str,
    value: Value,
    update: &mut UpdateSim,
    faults: &mut Faults,
) -> bool {
    match name {
        "label" => update.label = label(at, value, faults),
        "imei_lock" => update.imei_lock = flag(at, &value, faults),
        "status" => update.status = status(at, &value, faults),
        "tags" => update.tags = tags(at, value, faults),
        "metadata" => update.metadata = metadata(at, value, faults),
        "organization_id" => update.organization_id = organization(at, &value, faults),
        _ => return false,
    }
    true
}

pub(super) fn flag(name: &str, value: &Value, faults: &mut Faults) -> Option<bool> {
    let flag = value.as_bool();
    if flag.is_none() {
        faults.add(name, "is true or false");
    }
    flag
}

pub(super) fn label(at: &str, value: Value, faults: &mut Faults) -> Option<String> {
    match value {
        Value::String(text) if is_plain(&text, LABEL_CHARS) => Some(text),
        _ => {
            faults.add(
                at,
                "is a text of at most 255 characters, none of them a control character; an empty one removes it",
            );
            None
        }
    }
}

fn status(at: &str, value: &Value, faults: &mut Faults) -> Option<SimStatus> {
    match value.as_str() {
        Some("Enabled") => Some(SimStatus::Enabled),
        Some("Disabled") => Some(SimStatus::Disabled),
        _ => {
            faults.add(at, "is Enabled or Disabled");
            None
        }
    }
}

/// Tags in the order given, each once.
pub(super) fn tags(at: &str, value: Value, faults: &mut Faults) -> Option<Vec<String>> {
    let Value::Array(values) = value else {
        faults.add(at, "is a list of at most 50 texts");
        return None;
    };
    if values.len() > TAGS {
        faults.add(at, "has at most 50 entries");
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
                &format!("{at}[{place}]"),
                "is a text of 1 to 64 characters, none of them a control character",
            ),
        }
    }
    Some(tags)
}

pub(super) fn metadata(at: &str, value: Value, faults: &mut Faults) -> Option<Map<String, Value>> {
    if !value.is_object() {
        faults.add(at, "is a JSON object");
        return None;
    }
    if value.to_string().len() > METADATA_BYTES {
        faults.add(at, "has at most 16384 bytes as JSON");
        return None;
    }
    if has_nul(&value) {
        faults.add(at, "must not contain the character U+0000");
        return None;
    }
    match value {
        Value::Object(object) => Some(object),
        _ => None,
    }
}

fn organization(at: &str, value: &Value, faults: &mut Faults) -> Option<OrganizationId> {
    let id = value.as_str().and_then(|text| Uuid::parse_str(text).ok());
    if id.is_none() {
        faults.add(at, "is a UUID");
    }
    id.map(OrganizationId)
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
    use crate::error::ApiError;
    use serde_json::json;

    fn read(value: Value) -> Result<UpdateSim, ApiError> {
        let mut faults = Faults::default();
        let update = update_sim(value.as_object().unwrap().clone(), &mut faults);
        faults.or(update)
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
            "tags": ["", "good", 7, "x".repeat(65)], "metadata": [], "colour": "red",
            "organization_id": "mine"
        }));
        let expected = [
            "colour",
            "imei_lock",
            "label",
            "metadata",
            "organization_id",
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
}
