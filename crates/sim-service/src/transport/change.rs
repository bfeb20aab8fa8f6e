//! A wanted change of SIMs, from the wire.

use domain::{OrganizationId, SimStatus};
use messages::pb::sim as pb;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::app::SimUpdateRequest;
use crate::store::SimPatch;

/// 1NCE's own limit is unconfirmed; the client refuses more.
const LABEL_CHARS: usize = 255;
const TAG_CHARS: usize = 64;

/// Reads a change; every field that is not accepted is added to `wrong` under `prefix` and its name.
pub fn change(told: pb::SimChange, prefix: &str, wrong: &mut Vec<(String, String)>) -> SimUpdateRequest {
    let mut refuse = |field: &str, reason: &str| wrong.push((format!("{prefix}{field}"), reason.to_owned()));
    let status = match told.status.as_deref() {
        None => None,
        Some("Enabled") => Some(SimStatus::Enabled),
        Some("Disabled") => Some(SimStatus::Disabled),
        Some(_) => {
            refuse("status", "is Enabled or Disabled");
            None
        }
    };
    let label = told.label;
    if label.as_ref().is_some_and(|label| !is_text(label, LABEL_CHARS)) {
        refuse("label", "has at most 255 characters, none of them U+0000");
    }
    let tags = told.tags.map(|list| sorted(list.tags));
    let (add_tags, remove_tags) = (sorted(told.add_tags), sorted(told.remove_tags));
    let lists = [
        ("tags", tags.as_deref().unwrap_or_default()),
        ("add_tags", &add_tags),
        ("remove_tags", &remove_tags),
    ];
    for (field, list) in lists {
        if list.iter().any(|tag| tag.is_empty() || !is_text(tag, TAG_CHARS)) {
            refuse(field, "are texts of 1 to 64 characters");
        }
    }
    let metadata = told.metadata_json.as_deref().and_then(|text| {
        let object = json_object(text);
        if object.is_none() {
            refuse("metadata", "is no JSON object");
        }
        object
    });
    let organization = told.organization_id.as_deref().and_then(|text| {
        let id = Uuid::parse_str(text).ok().filter(|id| !id.is_nil());
        if id.is_none() {
            refuse("organization_id", "is no UUID of an organization");
        }
        id.map(OrganizationId)
    });
    SimUpdateRequest {
        label,
        imei_lock: told.imei_lock,
        status,
        patch: SimPatch {
            tags,
            add_tags,
            remove_tags,
            metadata,
            organization,
        },
    }
}

fn sorted(mut tags: Vec<String>) -> Vec<String> {
    tags.sort();
    tags.dedup();
    tags
}

/// PostgreSQL stores no U+0000.
fn is_text(text: &str, longest: usize) -> bool {
    text.chars().count() <= longest && !text.contains('\0')
}

fn json_object(text: &str) -> Option<Map<String, Value>> {
    let object: Map<String, Value> = serde_json::from_str(text).ok()?;
    object
        .iter()
        .all(|(key, value)| is_storable(key, value))
        .then_some(object)
}

fn is_storable(key: &str, value: &Value) -> bool {
    !key.contains('\0')
        && match value {
            Value::String(text) => !text.contains('\0'),
            Value::Array(values) => values.iter().all(|value| is_storable("", value)),
            Value::Object(object) => object.iter().all(|(key, value)| is_storable(key, value)),
            _ => true,
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bad_field_is_named_under_its_prefix() {
        let told = pb::SimChange {
            label: Some("x".repeat(256)),
            status: Some("Expired".into()),
            add_tags: vec![String::new()],
            metadata_json: Some("[]".into()),
            organization_id: Some("acme".into()),
            ..pb::SimChange::default()
        };
        let mut wrong = Vec::new();
        change(told, "change.", &mut wrong);
        let names: Vec<&str> = wrong.iter().map(|(name, _)| name.as_str()).collect();
        let expected = ["status", "label", "add_tags", "metadata", "organization_id"];
        assert_eq!(names, expected.map(|name| format!("change.{name}")));
    }
}
