//! What a job does, as it is stored and shown.

use domain::{Iccid, SimStatus};
use once_client::model::PaymentMethod;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::app::update_sim::SimUpdateRequest;
use crate::store::{ListFilter, StoredSim};

/// The filter of a selection, in words.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct JobFilter {
    /// A status word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// A tag.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// Part of a number or label.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub search: Option<String>,
}

/// Which SIMs a job is about, beside the items that name them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Selected {
    /// Those that match when the job begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<JobFilter>,
    /// How many are named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub named: Option<u64>,
}

/// What is done with each SIM.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind")]
pub enum Work {
    /// The same change for all.
    #[serde(rename = "sims.update")]
    Update {
        /// Which.
        #[serde(flatten)]
        selected: Selected,
        /// What.
        change: SimUpdateRequest,
    },
    /// Each line its own change.
    #[serde(rename = "sims.import")]
    Import {
        /// The file's name.
        source: String,
    },
    /// To another organisation of the customer at 1NCE.
    #[serde(rename = "sims.transfer")]
    Transfer {
        /// Which.
        #[serde(flatten)]
        selected: Selected,
        /// 1NCE's number; `None` is the parent.
        target_organisation: Option<u64>,
    },
    /// Ten more years.
    #[serde(rename = "sims.extension")]
    Extension {
        /// Which.
        #[serde(flatten)]
        selected: Selected,
        /// 1NCE's product.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        product_id: Option<i64>,
        /// 1NCE's word.
        payment_method: String,
    },
}

impl Work {
    /// The word in lists and metrics.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Update { .. } => "sims.update",
            Self::Import { .. } => "sims.import",
            Self::Transfer { .. } => "sims.transfer",
            Self::Extension { .. } => "sims.extension",
        }
    }

    /// The filter that tells the SIMs.
    pub fn filter(&self) -> Option<ListFilter> {
        let selected = match self {
            Self::Import { .. } => return None,
            Self::Update { selected, .. }
            | Self::Transfer { selected, .. }
            | Self::Extension { selected, .. } => selected,
        };
        selected.filter.as_ref().map(|filter| ListFilter {
            status: filter
                .status
                .as_deref()
                .and_then(crate::app::list_sims::status_code),
            tag: filter.tag.clone(),
            search: filter.search.clone(),
        })
    }

    /// How an extension is paid.
    pub fn payment(word: &str) -> PaymentMethod {
        PaymentMethod::from_word(word).unwrap_or_default()
    }
}

impl SimUpdateRequest {
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
                text(label),
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

/// The named SIMs once each, in the order of their first mention; or what is no ICCID, with its place.
pub fn read_iccids(texts: &[String]) -> Result<Vec<i64>, Vec<(usize, String)>> {
    let mut seen = std::collections::HashSet::new();
    let (mut iccids, mut wrong) = (Vec::with_capacity(texts.len()), Vec::new());
    for (place, text) in texts.iter().enumerate() {
        match Iccid::parse(text) {
            Ok(iccid) if seen.insert(iccid) => iccids.push(iccid.as_i64()),
            Ok(_) => {}
            Err(error) => wrong.push((place, error.to_string())),
        }
    }
    if wrong.is_empty() { Ok(iccids) } else { Err(wrong) }
}

/// Whether 1NCE would refuse everything but an extension.
pub fn is_expired(sim: &StoredSim) -> bool {
    sim.provider.status == SimStatus::Expired
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::store::SimPatch;
    use domain::{AccountSlug, OrganizationId, ProviderSim};

    fn tags() -> impl Strategy<Value = Vec<String>> {
        prop::collection::btree_set("[a-d]", 0..4).prop_map(|tags| tags.into_iter().collect())
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
            tags in tags(), metadata in metadata(), organization in organization(),
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
            label in prop::option::of("[a-c]{0,2}"), imei_lock in prop::option::of(any::<bool>()),
            status in prop::option::of(status()), tags in prop::option::of(tags()), add_tags in tags(),
            remove_tags in tags(), metadata in prop::option::of(metadata()),
            organization in prop::option::of(organization()),
        ) -> SimUpdateRequest {
            let patch = SimPatch { tags, add_tags, remove_tags, metadata, organization };
            SimUpdateRequest { label, imei_lock, status, patch }
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
            let work = Work::Update { selected: Selected::default(), change: request };
            let stored = serde_json::to_value(&work).unwrap();
            prop_assert_eq!(serde_json::from_value::<Work>(stored).unwrap(), work);
        }
    }
}
