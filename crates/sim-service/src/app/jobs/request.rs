//! A job from the wire: every field that is not accepted is named at once.

use domain::ListStatus;
use messages::pb::sim as pb;
use once_client::model::PaymentMethod;

use super::spec::{JobFilter, JobSpec, Selected, read_iccids};
use crate::app::change_request::{self, ChangeRequest};
use crate::app::list_sims::check_search;
use crate::app::update_sim::FOREIGN_ORGANIZATION;
use crate::error::AppError;
use crate::store::Scope;

/// SIMs that one request may name; a filter has no limit.
const MOST_NAMED: usize = 10_000;
/// Wrong ICCIDs that an answer names.
const MOST_WRONG: usize = 20;
const MOST_TEXT: usize = 255;

type Wrong = Vec<(String, String)>;

/// What a request wants, and the SIMs that it names.
pub fn read_spec(
    scope: Scope,
    work: Option<pb::create_job_request::Work>,
) -> Result<(JobSpec, Option<Vec<i64>>), AppError> {
    use pb::create_job_request::Work as Wire;
    let mut wrong = Wrong::new();
    let read = match work {
        None => return Err(AppError::field("work", "is missing")),
        Some(Wire::Update(update)) => {
            let (selected, named) = read_selection(update.selection, &mut wrong);
            let change = read_change(scope, update.change.unwrap_or_default(), "change.", &mut wrong);
            if change.is_empty() && wrong.is_empty() {
                wrong.push(("change".to_owned(), "changes nothing".to_owned()));
            }
            (JobSpec::Update { selected, change }, named)
        }
        Some(Wire::Import(import)) => {
            if import.source.chars().count() > MOST_TEXT || import.source.contains('\0') {
                wrong.push(("source".to_owned(), "has at most 255 characters".to_owned()));
            }
            let source = import.source;
            (JobSpec::Import { source }, None)
        }
        Some(Wire::Transfer(transfer)) => {
            let (selected, named) = read_selection(transfer.selection, &mut wrong);
            let target = Some(transfer.target_organisation).filter(|number| *number != 0);
            // Stored as JSON and sent as JSON: numbers beyond this are not the same everywhere.
            if target.is_some_and(|number| number > 1 << 53) {
                wrong.push((
                    "target_organisation".to_owned(),
                    "is no customer number".to_owned(),
                ));
            }
            let spec = JobSpec::Transfer {
                selected,
                target_organisation: target,
            };
            (spec, named)
        }
        Some(Wire::Extension(extension)) => {
            let (selected, named) = read_selection(extension.selection, &mut wrong);
            let word = extension.payment_method;
            if !word.is_empty() && PaymentMethod::from_word(&word).is_none() {
                let rule = "is banktransfer, creditcard, monthlyinvoice or boleto";
                wrong.push(("payment_method".to_owned(), rule.to_owned()));
            }
            let payment_method = JobSpec::payment(&word).word().to_owned();
            let product_id = extension.product_id;
            let spec = JobSpec::Extension {
                selected,
                product_id,
                payment_method,
            };
            (spec, named)
        }
    };
    if wrong.is_empty() {
        Ok(read)
    } else {
        Err(AppError::Invalid(wrong))
    }
}

/// The same of one line; what is wrong with it is the line's error.
pub fn read_change(scope: Scope, told: pb::SimChange, prefix: &str, wrong: &mut Wrong) -> ChangeRequest {
    let change = change_request::read(told, prefix, wrong);
    if change.patch.organization.is_some() && scope != Scope::All {
        wrong.push((
            format!("{prefix}organization_id"),
            FOREIGN_ORGANIZATION.to_owned(),
        ));
    }
    change
}

fn read_selection(selection: Option<pb::SimSelection>, wrong: &mut Wrong) -> (Selected, Option<Vec<i64>>) {
    let selection = selection.unwrap_or_default();
    let mut refuse = |field: String, reason: String| wrong.push((field, reason));
    match (selection.iccids.is_empty(), selection.filter) {
        (true, None) => refuse("selection".into(), "names SIMs or has a filter".into()),
        (false, Some(_)) => refuse("selection".into(), "names SIMs or has a filter, not both".into()),
        (true, Some(filter)) => {
            let filter = read_filter(filter, wrong);
            let selected = Selected {
                filter: Some(filter),
                named: None,
            };
            return (selected, None);
        }
        (false, None) if selection.iccids.len() > MOST_NAMED => {
            refuse("iccids".into(), "are at most 10000; use a filter for more".into());
        }
        (false, None) => match read_iccids(&selection.iccids) {
            Ok(iccids) => {
                let selected = Selected {
                    filter: None,
                    named: Some(iccids.len() as u64),
                };
                return (selected, Some(iccids));
            }
            Err(faults) => {
                for (place, reason) in faults.into_iter().take(MOST_WRONG) {
                    refuse(format!("iccids[{place}]"), reason);
                }
            }
        },
    }
    (Selected::default(), None)
}

fn read_filter(filter: pb::SimFilter, wrong: &mut Wrong) -> JobFilter {
    let set = |text: String| Some(text).filter(|text| !text.is_empty());
    let mut refuse = |field: &str, reason: &str| wrong.push((field.to_owned(), reason.to_owned()));
    let status = set(filter.status).and_then(|word| {
        let read = ListStatus::from_any_case(&word);
        if read.is_none() {
            refuse(
                "filter.status",
                "is Enabled, Disabled, Expired, Unknown or Missing",
            );
        }
        read
    });
    let tag = set(filter.tag);
    if tag
        .as_ref()
        .is_some_and(|tag| tag.chars().count() > MOST_TEXT || tag.contains('\0'))
    {
        refuse("filter.tag", "is no tag");
    }
    let search = set(filter.search.trim().to_lowercase());
    if let Some(reason) = search.as_deref().and_then(check_search) {
        refuse("filter.search", reason);
    }
    JobFilter { status, tag, search }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pb::create_job_request::Work as Wire;

    fn names(result: Result<(JobSpec, Option<Vec<i64>>), AppError>) -> Vec<String> {
        let Err(AppError::Invalid(fields)) = result else {
            panic!("accepted")
        };
        fields.into_iter().map(|(name, _)| name).collect()
    }

    #[test]
    fn every_bad_field_of_a_job_is_named_at_once() {
        let filter = pb::SimFilter {
            status: "Gone".into(),
            search: "ab".into(),
            ..Default::default()
        };
        let change = pb::SimChange {
            status: Some("Expired".into()),
            organization_id: Some(uuid::Uuid::from_u128(7).to_string()),
            ..Default::default()
        };
        let update = pb::UpdateWork {
            selection: Some(pb::SimSelection {
                filter: Some(filter),
                iccids: Vec::new(),
            }),
            change: Some(change),
        };
        let scope = Scope::Organization(domain::OrganizationId::DEFAULT);
        assert_eq!(
            names(read_spec(scope, Some(Wire::Update(update)))),
            [
                "filter.status",
                "filter.search",
                "change.status",
                "change.organization_id"
            ]
        );
    }

    #[test]
    fn a_text_that_is_no_iccid_is_named_with_its_place_and_a_sim_counts_once() {
        let card = "8988999000000000017".to_owned();
        let extension = |iccids: Vec<String>| {
            let selection = Some(pb::SimSelection { iccids, filter: None });
            Some(Wire::Extension(pb::ExtensionWork {
                selection,
                ..Default::default()
            }))
        };
        let twice = extension(vec![card.clone(), card.clone()]);
        let (_, named) = read_spec(Scope::All, twice).unwrap();
        assert_eq!(named, Some(vec![8_988_999_000_000_000_017]));
        let wrong = extension(vec![card, "pump".into()]);
        assert_eq!(names(read_spec(Scope::All, wrong)), ["iccids[1]"]);
    }
}
