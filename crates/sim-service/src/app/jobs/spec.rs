//! What a job does, as it is stored and shown.

use domain::{Iccid, JobKind, ListStatus, SimStatus};
use once_client::model::PaymentMethod;
use serde::{Deserialize, Serialize};

use crate::app::change_request::ChangeRequest;
use crate::store::{ListFilter, StoredSim};

/// The filter of a selection, in words.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct JobFilter {
    /// A status word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<ListStatus>,
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
pub enum JobSpec {
    /// The same change for all.
    #[serde(rename = "sims.update")]
    Update {
        /// Which.
        #[serde(flatten)]
        selected: Selected,
        /// What.
        change: ChangeRequest,
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

impl JobSpec {
    /// The kind in lists and metrics.
    pub fn kind(&self) -> JobKind {
        match self {
            Self::Update { .. } => JobKind::Update,
            Self::Import { .. } => JobKind::Import,
            Self::Transfer { .. } => JobKind::Transfer,
            Self::Extension { .. } => JobKind::Extension,
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
            status: filter.status,
            tag: filter.tag.clone(),
            search: filter.search.clone(),
        })
    }

    /// How an extension is paid.
    pub fn payment(word: &str) -> PaymentMethod {
        PaymentMethod::from_word(word).unwrap_or_default()
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
    use super::*;
    use domain::Label;

    #[test]
    fn a_stored_spec_is_read_as_it_was_under_the_word_of_its_kind() {
        let selected = Selected {
            filter: Some(JobFilter {
                status: Some(ListStatus::Missing),
                ..JobFilter::default()
            }),
            named: None,
        };
        let change = ChangeRequest {
            label: Some(Label::parse("pump").unwrap()),
            ..ChangeRequest::default()
        };
        let specs = [
            JobSpec::Update {
                selected: selected.clone(),
                change,
            },
            JobSpec::Import {
                source: "sims.csv".into(),
            },
            JobSpec::Transfer {
                selected: selected.clone(),
                target_organisation: None,
            },
            JobSpec::Extension {
                selected,
                product_id: Some(7),
                payment_method: "creditcard".into(),
            },
        ];
        for spec in specs {
            let stored = serde_json::to_value(&spec).unwrap();
            assert_eq!(stored["kind"], spec.kind().word());
            assert_eq!(serde_json::from_value::<JobSpec>(stored).unwrap(), spec);
        }
    }
}
