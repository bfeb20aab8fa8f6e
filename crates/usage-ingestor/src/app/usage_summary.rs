//! Usage of the fleet.

use domain::{MAX_DAYS, UsageGroupBy};
use messages::pb::usage::UsageSummaryRequest;

use super::{App, day_range};
use crate::error::AppError;
use crate::store::Scope;
use crate::store::usage_summary::{BY_API, FleetGroup, FleetSums, GroupRow};

/// The most groups of an answer.
const GROUPS: usize = 1000;
/// The most days of a question that has to read every SIM's days.
pub const MAX_DAYS_BY_SIM: i64 = 92;

#[derive(Debug, Clone, PartialEq, Eq)]
enum Wanted {
    Sum,
    Groups(FleetGroup),
    ByTag,
    Tagged { tag: String, by_day: bool },
}

/// What is asked. The scope is part of its making.
#[derive(Debug, Clone)]
pub struct SummaryQuery {
    sums: FleetSums,
    wanted: Wanted,
}

/// The sum, and groups of it.
#[derive(Debug, Clone, Default)]
pub struct Summary {
    pub sum: GroupRow,
    /// The largest volume first; days in order.
    pub groups: Vec<GroupRow>,
    pub groups_are_cut: bool,
}

impl SummaryQuery {
    /// Reads a request.
    ///
    /// # Errors
    /// [`AppError::Invalid`] names what cannot be used.
    pub fn new(scope: Scope, request: &UsageSummaryRequest) -> Result<Self, AppError> {
        let tag = request.tag.clone();
        let by = match request.group_by.as_str() {
            "" => None,
            word => Some(
                UsageGroupBy::from_word(word)
                    .ok_or_else(|| AppError::field("group_by", "is day, country, operator, rat or tag"))?,
            ),
        };
        let wanted = match (by, tag.is_empty()) {
            (None, true) => Wanted::Sum,
            (Some(UsageGroupBy::Day), true) => Wanted::Groups(FleetGroup::Day),
            (Some(UsageGroupBy::Country), true) => Wanted::Groups(FleetGroup::Country),
            (Some(UsageGroupBy::Operator), true) => Wanted::Groups(FleetGroup::Operator),
            (Some(UsageGroupBy::Rat), true) => Wanted::Groups(FleetGroup::Rat),
            (Some(UsageGroupBy::Tag), true) => Wanted::ByTag,
            (None, false) => Wanted::Tagged { tag, by_day: false },
            (Some(UsageGroupBy::Day), false) => Wanted::Tagged { tag, by_day: true },
            (Some(_), false) => {
                return Err(AppError::field("tag", "goes with group_by=day, or with none"));
            }
        };
        let max_days = match wanted {
            Wanted::Sum | Wanted::Groups(_) => MAX_DAYS,
            Wanted::ByTag | Wanted::Tagged { .. } => MAX_DAYS_BY_SIM,
        };
        let range = day_range::read(&request.start_date, &request.end_date, max_days)?;
        Ok(Self {
            sums: FleetSums::new(scope, range),
            wanted,
        })
    }
}

impl App {
    /// The sum and its groups.
    ///
    /// # Errors
    /// The database's.
    pub async fn usage_summary(&self, query: &SummaryQuery) -> Result<Summary, AppError> {
        let (store, sums) = (&self.store, &query.sums);
        let one_more = i64::try_from(GROUPS + 1).unwrap_or(i64::MAX);
        let (sum, groups) = match &query.wanted {
            Wanted::Sum => (sums.sum(store).await?, Vec::new()),
            Wanted::Groups(by) => (sums.sum(store).await?, sums.groups(store, *by, one_more).await?),
            Wanted::ByTag => (sums.sum(store).await?, sums.by_tag(store, one_more).await?),
            Wanted::Tagged { tag, by_day } => {
                let sum = sums.tagged(store, tag, false).await?.into_iter().next();
                let days = if *by_day {
                    sums.tagged(store, tag, true).await?
                } else {
                    Vec::new()
                };
                (sum.unwrap_or_default(), days)
            }
        };
        let groups_are_cut = groups.len() > GROUPS;
        let groups = groups.into_iter().take(GROUPS);
        let groups = groups.map(|group| named(&query.wanted, group)).collect();
        Ok(Summary {
            sum,
            groups,
            groups_are_cut,
        })
    }
}

/// Gives a group its word.
fn named(wanted: &Wanted, mut group: GroupRow) -> GroupRow {
    let Wanted::Groups(by) = wanted else {
        group.name = group.key.clone();
        return group;
    };
    if *by == FleetGroup::Day {
        group.name = group.key.clone();
    } else if group.key == BY_API {
        group.key = String::new();
        group.name = "not broken down".to_owned();
    } else if group.key == "0" {
        group.name = "unknown".to_owned();
    } else if *by == FleetGroup::Rat {
        group.name = rat_word(&group.key);
    } else if group.name.is_empty() {
        let kind = if *by == FleetGroup::Country {
            "MCC"
        } else {
            "operator"
        };
        group.name = format!("{kind} {}", group.key);
    }
    group
}

/// 1NCE's ids (FACTS §6).
fn rat_word(id: &str) -> String {
    match id {
        "1" => "3G".to_owned(),
        "2" => "2G".to_owned(),
        "5" => "HSPA+".to_owned(),
        "6" => "LTE".to_owned(),
        "8" => "NB-IoT".to_owned(),
        "9" => "CAT-M".to_owned(),
        other => format!("RAT {other}"),
    }
}
