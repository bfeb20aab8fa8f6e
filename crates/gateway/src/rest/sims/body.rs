//! What may be written into a SIM, wherever it comes from: a change of one SIM or of many, or a line of a file.

use std::borrow::Cow;
use std::sync::Arc;

use domain::{OrganizationId, SimStatus};
use serde_json::{Map, Value, json};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, Schema, Type};

use super::receiver;
use crate::app::update_sim::UpdateSim;
use crate::app::{Gateway, RequestContext};
use crate::error::ApiError;
use crate::rest::frame::faults::Faults;
use crate::rest::frame::fields::{Field, Flag, Text, Word, words};
use crate::rest::frame::{Check, fields};

/// The largest metadata of a SIM, as JSON.
pub const METADATA_BYTES: usize = domain::Metadata::MAX_BYTES;
const MOST_TAGS: usize = domain::Tags::MAX;

words! {
    /// What a SIM can be set to.
    pub enum SettableStatus as "SettableSimStatus" { Enabled = "Enabled", Disabled = "Disabled" }
}

impl From<SettableStatus> for SimStatus {
    fn from(status: SettableStatus) -> Self {
        match status {
            SettableStatus::Enabled => Self::Enabled,
            SettableStatus::Disabled => Self::Disabled,
        }
    }
}

/// What people call a SIM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label(pub String);

impl Field for Label {
    fn rule() -> Cow<'static, str> {
        domain::Label::RULE.into()
    }

    fn schema() -> RefOr<Schema> {
        Text::<{ domain::Label::MIN_CHARS }, { domain::Label::MAX_CHARS }>::schema()
    }

    fn read(value: &Value) -> Option<Self> {
        let label = domain::Label::parse(value.as_str()?).ok()?;
        Some(Self(label.into()))
    }
}

/// One tag: 1 to 64 characters that are not all blank.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag(pub String);

impl Field for Tag {
    fn rule() -> Cow<'static, str> {
        domain::Tag::RULE.into()
    }

    fn schema() -> RefOr<Schema> {
        Text::<{ domain::Tag::MIN_CHARS }, { domain::Tag::MAX_CHARS }>::schema()
    }

    fn read(value: &Value) -> Option<Self> {
        let tag = domain::Tag::parse(value.as_str()?).ok()?;
        Some(Self(tag.into()))
    }
}

/// At least `MIN` and at most 50 tags, in the order given, each once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tags<const MIN: usize = 0>(pub Vec<String>);

impl<const MIN: usize> Field for Tags<MIN> {
    fn rule() -> Cow<'static, str> {
        match MIN {
            0 => format!("has at most {MOST_TAGS} entries, each a text").into(),
            _ => format!("has {MIN} to {MOST_TAGS} entries, each a text").into(),
        }
    }

    fn schema() -> RefOr<Schema> {
        let list = ArrayBuilder::new()
            .items(Tag::schema())
            .min_items((MIN > 0).then_some(MIN))
            .max_items(Some(MOST_TAGS));
        Schema::from(list).into()
    }

    fn read(value: &Value) -> Option<Self> {
        Self::collect("", value.clone(), &mut Faults::default())
    }

    fn collect(at: &str, value: Value, faults: &mut Faults) -> Option<Self> {
        let values = match value {
            Value::Array(values) if (MIN..=MOST_TAGS).contains(&values.len()) => values,
            _ => {
                faults.add(at, Self::rule());
                return None;
            }
        };
        let (mut tags, mut all_are_good) = (Vec::with_capacity(values.len()), true);
        for (place, value) in values.into_iter().enumerate() {
            match Tag::collect(&format!("{at}[{place}]"), value, faults) {
                Some(Tag(tag)) if !tags.contains(&tag) => tags.push(tag),
                Some(_) => {}
                None => all_are_good = false,
            }
        }
        all_are_good.then_some(Self(tags))
    }
}

/// What programs keep beside a SIM: an object of at most 16 KiB.
#[derive(Debug, Clone, PartialEq)]
pub struct Metadata(pub Map<String, Value>);

impl Metadata {
    fn of(value: Value) -> Result<Self, &'static str> {
        let Value::Object(object) = value else {
            return Err(domain::Metadata::RULE);
        };
        let metadata = domain::Metadata::parse(object).map_err(|invalid| invalid.rule)?;
        Ok(Self(metadata.into()))
    }
}

impl Field for Metadata {
    fn rule() -> Cow<'static, str> {
        "is a JSON object of at most 16384 bytes, without the character U+0000".into()
    }

    fn schema() -> RefOr<Schema> {
        Schema::from(ObjectBuilder::new().schema_type(Type::Object)).into()
    }

    fn read(value: &Value) -> Option<Self> {
        Self::of(value.clone()).ok()
    }

    fn collect(at: &str, value: Value, faults: &mut Faults) -> Option<Self> {
        Self::of(value).map_err(|reason| faults.add(at, reason)).ok()
    }
}

fields! {
    /// At least one field; what is left out stays as it is.
    pub struct UpdateSimBody: change {
        /// Without control characters; empty removes it.
        label: Option<Label> = "pump-17",
        /// Whether the SIM works in its present device only.
        imei_lock: Option<Flag> = true,
        status: Option<Word<SettableStatus>> = "Enabled",
        /// Replace the stored ones; none blank, none with control characters.
        tags: Option<Tags> = ["north"],
        /// Replaces the stored object; at most 16 KiB.
        metadata: Option<Metadata> = json!({ "site": 4 }),
        /// Gives the SIM to another organization; for keys of the whole platform.
        organization_id: Option<OrganizationId>,
    }
}

impl From<UpdateSimBody> for UpdateSim {
    fn from(body: UpdateSimBody) -> Self {
        Self {
            label: body.label.map(|label| label.0),
            imei_lock: body.imei_lock.map(|flag| flag.0),
            status: body.status.map(|word| word.0.into()),
            tags: body.tags.map(|tags| tags.0),
            metadata: body.metadata.map(|metadata| metadata.0),
            organization_id: body.organization_id,
        }
    }
}

impl Check for UpdateSimBody {
    async fn check(
        sent: &Map<String, Value>,
        gateway: &Arc<Gateway>,
        context: &RequestContext,
        faults: &mut Faults,
    ) -> Result<(), ApiError> {
        let organization = sent.get("organization_id");
        receiver::check(organization, "organization_id", gateway, context, faults).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rest::frame::fields::Source;

    fn read(value: Value) -> Result<UpdateSim, ApiError> {
        let mut faults = Faults::default();
        let body = Source::read::<UpdateSimBody>(value.as_object().unwrap().clone(), "", &mut faults);
        faults.or(())?;
        Ok(body.unwrap().into())
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

    #[test]
    fn a_field_that_may_be_left_out_has_no_default() {
        let body = crate::rest::frame::fields::component::<UpdateSimBody>();
        let body = serde_json::to_value(body).unwrap();
        assert_eq!(body["properties"]["imei_lock"]["default"], Value::Null);
    }
}
