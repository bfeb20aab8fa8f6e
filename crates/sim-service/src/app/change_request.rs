//! A wanted change of a SIM: read from the wire, compared with what is stored, carried out on it.

use domain::{InvalidTags, Label, Metadata, OrganizationId, ProviderSim, SimStatus, Tag, Tags};
use messages::pb::sim as pb;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::store::{SimPatch, StoredSim};

/// What a person wants changed. `None` leaves it as it is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ChangeRequest {
    /// At 1NCE.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<Label>,
    /// At 1NCE.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub imei_lock: Option<bool>,
    /// At 1NCE: `Enabled` or `Disabled`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<SimStatus>,
    /// Here.
    #[serde(flatten)]
    pub patch: SimPatch,
}

impl ChangeRequest {
    /// Whether something of it lives at 1NCE.
    pub(super) fn concerns_provider(&self) -> bool {
        self.label.is_some() || self.imei_lock.is_some() || self.status.is_some()
    }

    /// Whether 1NCE has everything of it that lives there.
    pub(super) fn is_met_by(&self, told: &ProviderSim) -> bool {
        let label_is = |wanted: &Label| told.label.as_deref().unwrap_or_default() == wanted.as_str();
        self.label.as_ref().is_none_or(label_is)
            && self
                .imei_lock
                .is_none_or(|lock| told.imei_lock.unwrap_or(false) == lock)
            && self.status.is_none_or(|status| told.status == status)
    }

    /// The SIM as it is once 1NCE has carried the request out.
    pub(super) fn applied_to(&self, sim: &ProviderSim) -> ProviderSim {
        let mut wanted = sim.clone();
        if let Some(label) = &self.label {
            wanted.label = Some(label.to_string()).filter(|label| !label.is_empty());
        }
        wanted.imei_lock = self.imei_lock.or(wanted.imei_lock);
        if let Some(status) = self.status {
            wanted.status = status;
            status.word().clone_into(&mut wanted.provider_status);
        }
        wanted
    }

    /// Whether nothing is wanted.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// What would change on this SIM: field to `from` and `to`. Empty when it has everything.
    pub fn diff(&self, sim: &StoredSim) -> Map<String, Value> {
        let mut diff = Map::new();
        let mut note = |field: &str, from: Value, to: Value| {
            if from != to {
                diff.insert(field.to_owned(), json!({ "from": from, "to": to }));
            }
        };
        let told = &sim.provider;
        if let Some(label) = &self.label {
            let text = |label: &str| match label {
                "" => Value::Null,
                text => json!(text),
            };
            note(
                "label",
                text(told.label.as_deref().unwrap_or_default()),
                text(label.as_str()),
            );
        }
        if let Some(lock) = self.imei_lock {
            note("imei_lock", json!(told.imei_lock.unwrap_or(false)), json!(lock));
        }
        if let Some(status) = self.status {
            note("status", json!(told.status.word()), json!(status.word()));
        }
        if let Some(patch) = self.patch.against(sim) {
            if let Some(tags) = patch.tags {
                note("tags", json!(sim.tags), json!(tags));
            }
            if let Some(metadata) = patch.metadata {
                note("metadata", json!(sim.metadata), json!(metadata));
            }
            if let Some(organization) = patch.organization {
                note("organization_id", json!(sim.organization), json!(organization));
            }
        }
        diff
    }

    /// Whether something that lives at 1NCE differs from what is stored.
    pub fn differs_at_provider(&self, sim: &StoredSim) -> bool {
        self.concerns_provider() && !self.is_met_by(&sim.provider)
    }
}

/// Reads a change; every field that is not accepted is added to `wrong` under `prefix` and its name.
pub(super) fn read(told: pb::SimChange, prefix: &str, wrong: &mut Vec<(String, String)>) -> ChangeRequest {
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
    let label = told.label.and_then(|label| {
        let read = Label::parse(label);
        read.map_err(|error| refuse("label", error.rule)).ok()
    });
    let mut read_tags = |field: &str, tags: Vec<String>| match Tags::parse(tags) {
        Ok(tags) => tags.sorted(),
        Err(InvalidTags::TooMany) => {
            refuse(field, Tags::RULE);
            Tags::default()
        }
        Err(InvalidTags::Places(places)) => {
            for place in places {
                refuse(&format!("{field}[{place}]"), Tag::RULE);
            }
            Tags::default()
        }
    };
    let tags = told.tags.map(|list| read_tags("tags", list.tags));
    let add_tags = read_tags("add_tags", told.add_tags);
    let remove_tags = read_tags("remove_tags", told.remove_tags);
    let metadata = told.metadata_json.and_then(|text| {
        let read = Metadata::parse_json(&text);
        read.map_err(|error| refuse("metadata", error.rule)).ok()
    });
    let organization = told.organization_id.as_deref().and_then(|text| {
        let id = Uuid::parse_str(text).ok().filter(|id| !id.is_nil());
        if id.is_none() {
            refuse("organization_id", "is no UUID of an organization");
        }
        id.map(OrganizationId)
    });
    ChangeRequest {
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use domain::{AccountSlug, Iccid};

    fn texts() -> impl Strategy<Value = Vec<String>> {
        prop::collection::btree_set("[a-d]", 0..4).prop_map(|tags| tags.into_iter().collect())
    }

    fn tags() -> impl Strategy<Value = Tags> {
        texts().prop_map(|texts| Tags::parse(texts).unwrap())
    }

    fn label() -> impl Strategy<Value = Label> {
        "[a-c]{0,2}".prop_map(|text| Label::parse(text).unwrap())
    }

    fn organization() -> impl Strategy<Value = OrganizationId> {
        (1_u128..3).prop_map(|number| OrganizationId(uuid::Uuid::from_u128(number)))
    }

    fn metadata() -> impl Strategy<Value = Map<String, Value>> {
        (0..3).prop_map(|site| Map::from_iter([("site".to_owned(), json!(site))]))
    }

    fn status() -> impl Strategy<Value = SimStatus> {
        prop_oneof![Just(SimStatus::Enabled), Just(SimStatus::Disabled)]
    }

    prop_compose! {
        fn sims()(
            label in prop::option::of("[a-c]{1,2}"), lock in prop::option::of(any::<bool>()), status in status(),
            tags in texts(), metadata in metadata(), organization in organization(),
        ) -> StoredSim {
            let mut provider = ProviderSim::bare(Iccid::parse("8988999000000000017").unwrap(), status.word());
            provider.label = label;
            provider.imei_lock = lock;
            let at = chrono::DateTime::UNIX_EPOCH;
            StoredSim {
                provider, account: AccountSlug::parse("main").unwrap(), organization, revision: 1, tags, metadata,
                created_at: at, updated_at: at, read_at: at, last_synced_at: at, missing_since: None,
            }
        }
    }

    prop_compose! {
        fn requests()(
            label in prop::option::of(label()), imei_lock in prop::option::of(any::<bool>()),
            status in prop::option::of(status()), tags in prop::option::of(tags()), add_tags in tags(),
            remove_tags in tags(), metadata in prop::option::of(metadata().prop_map(|map| Metadata::parse(map).unwrap())),
            organization in prop::option::of(organization()),
        ) -> ChangeRequest {
            let patch = SimPatch { tags, add_tags, remove_tags, metadata, organization };
            ChangeRequest { label, imei_lock, status, patch }
        }
    }

    /// The SIM with everything of the diff carried out.
    fn applied(diff: &Map<String, Value>, sim: &StoredSim) -> StoredSim {
        let mut sim = sim.clone();
        for (field, change) in diff {
            let to = change["to"].clone();
            match field.as_str() {
                "label" => sim.provider.label = serde_json::from_value(to).unwrap(),
                "imei_lock" => sim.provider.imei_lock = to.as_bool(),
                "status" => sim.provider.status = serde_json::from_value(to).unwrap(),
                "tags" => sim.tags = serde_json::from_value(to).unwrap(),
                "metadata" => sim.metadata = serde_json::from_value(to).unwrap(),
                "organization_id" => sim.organization = serde_json::from_value(to).unwrap(),
                other => panic!("{other}"),
            }
        }
        sim
    }

    proptest! {
        #[test]
        fn carrying_a_diff_out_leaves_nothing_to_change(request in requests(), sim in sims()) {
            let diff = request.diff(&sim);
            let after = applied(&diff, &sim);
            prop_assert!(request.diff(&after).is_empty(), "{diff:?}");
            prop_assert!(!request.differs_at_provider(&after));
            prop_assert!(request.patch.against(&after).is_none());
            for change in diff.values() {
                prop_assert_ne!(&change["from"], &change["to"]);
            }
        }

        #[test]
        fn a_diff_is_empty_exactly_when_nothing_has_to_be_done(request in requests(), sim in sims()) {
            let todo = request.differs_at_provider(&sim) || request.patch.against(&sim).is_some();
            prop_assert_eq!(!request.diff(&sim).is_empty(), todo);
        }

        #[test]
        fn a_stored_request_is_read_as_it_was(request in requests()) {
            let stored = serde_json::to_value(&request).unwrap();
            prop_assert_eq!(serde_json::from_value::<ChangeRequest>(stored).unwrap(), request);
        }
    }

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
        read(told, "change.", &mut wrong);
        let names: Vec<&str> = wrong.iter().map(|(name, _)| name.as_str()).collect();
        let expected = ["status", "label", "add_tags[0]", "metadata", "organization_id"];
        assert_eq!(names, expected.map(|name| format!("change.{name}")));
    }

    #[test]
    fn texts_have_the_rules_of_the_public_api() {
        let told = pb::SimChange {
            label: Some("a\tb".into()),
            tags: Some(pb::TagList {
                tags: vec!["x".into(); Tags::MAX + 1],
            }),
            remove_tags: vec!["fine".into(), "a\nb".into(), " ".into()],
            metadata_json: Some(json!({ "a": "x".repeat(Metadata::MAX_BYTES) }).to_string()),
            ..pb::SimChange::default()
        };
        let mut wrong = Vec::new();
        read(told, "", &mut wrong);
        let own = |field: &str, rule: &str| (field.to_owned(), rule.to_owned());
        assert_eq!(
            wrong,
            [
                own("label", Label::RULE),
                own("tags", Tags::RULE),
                own("remove_tags[1]", Tag::RULE),
                own("remove_tags[2]", Tag::RULE),
                own("metadata", Metadata::SIZE_RULE),
            ]
        );
    }
}
