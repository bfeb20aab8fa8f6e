//! Bodies of requests about many SIMs; every bad field is named, with its place.

use std::collections::HashSet;
use std::sync::Arc;

use actix_web::web::Data;
use domain::{Iccid, OrganizationId};
use messages::pb::sim::SimFilter;
use serde_json::{Map, Value};

use super::list_query::{SEARCH_CHARS, STATUSES, TAG_CHARS};
use super::params::Faults;
use super::update_body::{flag, read_field, tags};
use crate::app::jobs::{Change, NewJob, Selection, Work};
use crate::app::{Gateway, RequestContext, jobs_receiver};
use crate::error::ApiError;

/// SIMs that one request names.
pub(super) const SIMS: usize = 10_000;
/// Words of 1NCE.
pub(super) const PAYMENT_METHODS: [&str; 4] = ["banktransfer", "creditcard", "monthlyinvoice", "boleto"];
const CHANGES: &str = "label, imei_lock, status, tags, add_tags, remove_tags, metadata, organization_id";

/// Adds to the faults when SIMs cannot be given to the organization that the request names.
///
/// # Errors
/// When the caller may give no SIMs away, or nobody knows whether the organization exists.
pub async fn receiver(
    gateway: &Data<Gateway>,
    context: &RequestContext,
    wanted: Option<OrganizationId>,
    at: &str,
    faults: &mut Faults,
) -> Result<(), ApiError> {
    let Some(organization) = wanted else { return Ok(()) };
    let work = jobs_receiver::can_receive(Arc::clone(gateway), context.clone(), organization);
    if !gateway.on_main(work).await? {
        faults.add(at, "is the id of no organization");
    }
    Ok(())
}

/// The organization that the job gives SIMs to.
pub fn receiver_of(job: &NewJob) -> Option<OrganizationId> {
    match &job.work {
        Work::Update(change) => change.fields.organization_id,
        Work::Transfer { .. } | Work::Extension { .. } => None,
    }
}

/// Reads a change of many SIMs.
pub fn update(body: Map<String, Value>, faults: &mut Faults) -> NewJob {
    let mut change = None;
    let (selection, dry_run) = read(body, "change", faults, |name, value, faults| {
        if name == "change" {
            change = Some(read_change(value, faults));
        }
        name == "change"
    });
    if change.is_none() {
        faults.add("change", "is missing");
    }
    NewJob {
        selection,
        work: Work::Update(Box::new(change.unwrap_or_default())),
        dry_run,
    }
}

/// Reads a transfer of SIMs to another 1NCE organisation.
pub fn transfer(body: Map<String, Value>, faults: &mut Faults) -> NewJob {
    let mut target = None;
    let (selection, dry_run) = read(body, "target_organisation", faults, |name, value, faults| {
        if name == "target_organisation" {
            target = value
                .as_u64()
                .filter(|number| (1..=i64::MAX as u64).contains(number));
            if target.is_none() {
                faults.add(
                    name,
                    "is the customer number of a 1NCE organisation; left out, it is the parent",
                );
            }
        }
        name == "target_organisation"
    });
    NewJob {
        selection,
        work: Work::Transfer { target },
        dry_run,
    }
}

/// Reads an extension of SIMs' lifetime.
pub fn extension(body: Map<String, Value>, faults: &mut Faults) -> NewJob {
    let (mut product, mut payment_method) = (None, String::new());
    let known = "product_id, payment_method";
    let (selection, dry_run) = read(body, known, faults, |name, value, faults| {
        match (name, &value) {
            ("product_id", value) => {
                product = value.as_i64().filter(|id| *id > 0);
                if product.is_none() {
                    faults.add(name, "is the id of a product");
                }
            }
            ("payment_method", Value::String(word)) if PAYMENT_METHODS.contains(&word.as_str()) => {
                payment_method.clone_from(word);
            }
            ("payment_method", _) => {
                faults.add(name, format!("is one of {}", PAYMENT_METHODS.join(", ")));
            }
            _ => return false,
        }
        true
    });
    NewJob {
        selection,
        work: Work::Extension {
            product,
            payment_method,
        },
        dry_run,
    }
}

/// Reads which SIMs are meant and whether nothing is to change; `own` reads the other fields, which are `known`, and
/// answers false for one that is none of them.
fn read(
    body: Map<String, Value>,
    known: &str,
    faults: &mut Faults,
    mut own: impl FnMut(&str, Value, &mut Faults) -> bool,
) -> (Selection, bool) {
    let (mut found, mut dry_run, mut all) = (Vec::new(), false, false);
    for (name, value) in body {
        match name.as_str() {
            "sims" => found.push(Selection::Named(named(value, faults))),
            "tag" => found.push(Selection::Filter(SimFilter {
                tag: tag(&name, &value, faults),
                ..SimFilter::default()
            })),
            "filter" => found.push(Selection::Filter(filter(value, faults))),
            "all" => all = flag("all", &value, faults).unwrap_or_default(),
            "dry_run" => dry_run = flag("dry_run", &value, faults).unwrap_or_default(),
            _ => {
                if !own(&name, value, faults) {
                    faults.add(
                        &name,
                        format!("is no field of this request: sims, tag, filter, all, dry_run, {known}"),
                    );
                }
            }
        }
    }
    (one(found, all, faults), dry_run)
}

/// The one selection. Every SIM is meant only by who says so.
fn one(mut found: Vec<Selection>, all: bool, faults: &mut Faults) -> Selection {
    let selection = found.pop();
    if selection.is_none() || !found.is_empty() {
        faults.add("body", "has exactly one of sims, tag and filter");
    }
    let everything = Selection::Filter(SimFilter::default());
    let is_everything = selection.as_ref() == Some(&everything);
    if all && !is_everything {
        faults.add("all", "goes with an empty filter only");
    }
    if is_everything && !all && found.is_empty() {
        faults.add(
            "filter",
            "is empty, which means every SIM and needs \"all\": true",
        );
    }
    selection.unwrap_or(everything)
}

fn named(value: Value, faults: &mut Faults) -> Vec<Iccid> {
    let Value::Array(values) = value else {
        faults.add("sims", "is a list of ICCIDs");
        return Vec::new();
    };
    if values.is_empty() || values.len() > SIMS {
        faults.add("sims", "has 1 to 10000 entries");
        return Vec::new();
    }
    let (mut iccids, mut known) = (Vec::with_capacity(values.len()), HashSet::new());
    for (place, value) in values.iter().enumerate() {
        match value.as_str().map(Iccid::parse) {
            Some(Ok(iccid)) => {
                if known.insert(iccid) {
                    iccids.push(iccid);
                }
            }
            Some(Err(error)) => faults.add(&format!("sims[{place}]"), error.to_string()),
            None => faults.add(&format!("sims[{place}]"), "is a text of 19 or 20 digits"),
        }
    }
    iccids
}

fn filter(value: Value, faults: &mut Faults) -> SimFilter {
    let mut filter = SimFilter::default();
    let Value::Object(fields) = value else {
        faults.add("filter", "is an object of status, tag and search");
        return filter;
    };
    for (name, value) in fields {
        let at = format!("filter.{name}");
        match name.as_str() {
            "status" => match value.as_str() {
                Some(word) if STATUSES.contains(&word) => word.clone_into(&mut filter.status),
                _ => faults.add(&at, format!("is one of {}", STATUSES.join(", "))),
            },
            "tag" => filter.tag = tag(&at, &value, faults),
            "search" => filter.search = search(&at, &value, faults),
            _ => faults.add(&at, "is no field of a filter: status, tag, search"),
        }
    }
    filter
}

fn tag(at: &str, value: &Value, faults: &mut Faults) -> String {
    let text = value.as_str().unwrap_or_default();
    if text.trim().is_empty() || text.chars().count() > TAG_CHARS || text.chars().any(char::is_control) {
        faults.add(
            at,
            "is a text of 1 to 64 characters, none of them a control character",
        );
    }
    text.to_owned()
}

fn search(at: &str, value: &Value, faults: &mut Faults) -> String {
    let text = value.as_str().unwrap_or_default().trim();
    if !SEARCH_CHARS.contains(&text.to_lowercase().chars().count()) || text.chars().any(char::is_control) {
        faults.add(
            at,
            "is a text of 3 to 100 characters, none of them a control character",
        );
    }
    text.to_owned()
}

fn read_change(value: Value, faults: &mut Faults) -> Change {
    let mut change = Change::default();
    let Value::Object(fields) = value else {
        faults.add("change", "is an object of what is to change");
        return change;
    };
    if fields.is_empty() {
        faults.add("change", "names no field to change");
    }
    for (name, value) in fields {
        let at = format!("change.{name}");
        match name.as_str() {
            "add_tags" => change.add_tags = some_tags(&at, value, faults),
            "remove_tags" => change.remove_tags = some_tags(&at, value, faults),
            _ => {
                if !read_field(&name, &at, value, &mut change.fields, faults) {
                    faults.add(&at, format!("is no field that can be changed: {CHANGES}"));
                }
            }
        }
    }
    if change.remove_tags.iter().any(|tag| change.add_tags.contains(tag)) {
        faults.add("change.remove_tags", "has a tag that add_tags has too");
    }
    change
}

/// At least one tag: a change that changes nothing is a mistake.
fn some_tags(at: &str, value: Value, faults: &mut Faults) -> Vec<String> {
    let is_empty = value.as_array().is_some_and(Vec::is_empty);
    if is_empty {
        faults.add(at, "has 1 to 50 entries");
    }
    tags(at, value, faults).unwrap_or_default()
}
