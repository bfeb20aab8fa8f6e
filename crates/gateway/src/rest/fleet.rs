//! The fleet at a glance.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use domain::OrganizationId;
use messages::Timestamp;
use messages::pb::sim::{AccountFreshness, FleetCountsResponse, SimCount};
use messages::pb::usage::{FleetNowResponse, PresenceCount, UsageGroup};
use serde_json::json;

use super::frame::authenticate::ReadSims;
use super::frame::example::TIME;
use super::frame::fields::{Word, words};
use super::frame::view::{Of, ToldDay};
use super::frame::{Answer, Call, MaxAge, Operation, Query, fields, operations, view};
use crate::app::fleet::{self, Overview};
use crate::auth::Permission;
use crate::error::ApiError;

/// Seconds: as long as the gateway itself keeps it.
const MAX_AGE: u32 = 5;

pub fn operations() -> Vec<Operation> {
    operations![get_fleet_overview]
}

words! {
    /// How a SIM reaches the network.
    pub enum Rat as "RatName" { Gsm = "2G", Umts = "3G", HspaPlus = "HSPA+", Lte = "LTE", NbIot = "NB-IoT", CatM = "CAT-M" }
}

words! {
    /// A part of the overview that its service did not tell.
    pub enum MissingPart as "MissingOverviewPart" { Usage = "usage" }
}

fields! {
    /// Whose SIMs are counted.
    pub struct OverviewParams {
        /// Count the SIMs of one organization; a key of one organization counts its own anyway.
        organization_id: Option<OrganizationId>,
    }
}

view! {
    /// The fleet at a glance.
    pub struct OverviewView {
        /// Whose SIMs are counted; null: everybody's.
        organization_id: Option<String>,
        as_of: Option<Timestamp> = TIME,
        sims: SimsView,
        /// SIMs that 1NCE lists, by what is left of their data quota.
        data_quota: QuotaCountsView,
        sms_quota: QuotaCountsView,
        sync: FreshnessView,
        /// Null when usage-ingestor did not answer.
        connectivity: Option<ConnectivityView> = ConnectivityView::example(),
        /// Null when usage-ingestor did not answer, or the caller lacks `read:usage`.
        usage: Option<UsageNowView> = UsageNowView::example(),
        /// Parts that are null because their service did not answer.
        missing: Vec<Word<MissingPart>> = json!([]),
    }
}

view! {
    /// SIMs by status.
    #[derive(Default)]
    pub struct SimsView {
        /// SIMs that 1NCE lists.
        total: u64 = 12000,
        enabled: u64 = 11500,
        disabled: u64 = 400,
        expired: u64 = 100,
        /// In a status that only 1NCE knows.
        unknown: u64,
        /// SIMs that 1NCE does not list any more; no other number counts them.
        missing: u64 = 3,
    }
}

view! {
    /// SIMs by state of a quota.
    #[derive(Default)]
    pub struct QuotaCountsView {
        /// Over 20 % left.
        sufficient: u64 = 11000,
        /// Less than 20 % left.
        low: u64 = 900,
        exhausted: u64 = 100,
        /// In a state that only 1NCE knows.
        unknown: u64,
        /// 1NCE tells nothing of the quota.
        not_told: u64,
    }
}

view! {
    /// How fresh what is known of the SIMs is.
    pub struct FreshnessView {
        /// The last complete sweep of each account; null in the overview of one organization.
        accounts: Option<Vec<AccountFreshnessView>> = [AccountFreshnessView::example()],
        /// The oldest `last_synced_at` of the organization's SIMs; null in the overview of the platform.
        oldest_synced_at: Option<Timestamp>,
        /// The newest one.
        newest_synced_at: Option<Timestamp>,
    }
}

view! {
    /// How fresh an account is.
    pub struct AccountFreshnessView from AccountFreshness as account {
        account: String = "main",
        /// When it began; null before the first.
        last_complete_at: Option<Timestamp> = TIME,
    }
}

view! {
    /// Where the SIMs are, as far as events of data sessions tell.
    pub struct ConnectivityView {
        /// With a data session by the last event; that it ended may be told late.
        online: u64 = 9000,
        offline: u64 = 2900,
        /// No event told.
        unknown: u64 = 100,
        /// The most SIMs first.
        countries: Vec<CountryView>,
        rats: Vec<RatView>,
    }
}

view! {
    /// SIMs that were last in a country.
    pub struct CountryView {
        /// Three digits; null: no event told.
        mcc: Option<String> = "262",
        /// Its name; null where nobody told it.
        country: Option<String> = "Germany",
        sims: u64 = 11900,
    }
}

view! {
    /// SIMs that used a radio access technology last.
    pub struct RatView {
        /// 1NCE's number; null: no event told.
        rat: Option<u32> = 6,
        /// Null for a number that 1NCE does not document.
        name: Option<Word<Rat>> = "LTE",
        sims: u64 = 11900,
    }
}

view! {
    /// What the fleet used.
    pub struct UsageNowView {
        today: UsedView,
        /// Today is part of it.
        month: UsedView,
    }
}

view! {
    /// What was used since the beginning of a UTC day. Volumes are bytes.
    pub struct UsedView from &UsageGroup as sum {
        /// The first day.
        since: ToldDay = "2026-07-01" => ToldDay(sum.key.clone()),
        volume_rx: u64 = 52_428_800 => sum.rx,
        volume_tx: u64 = 209_715_200 => sum.tx,
        total_volume: u64 = 262_144_000 => sum.total,
        sms_mo: u64 = 17,
        sms_mt: u64 = 4,
    }
}

impl OverviewView {
    /// `shows_usage`: the caller may see usage.
    pub fn new(overview: &Overview, shows_usage: bool) -> Self {
        let organization = overview.organization;
        let (counts, now) = (&overview.counts, overview.now.as_ref());
        let listed = || counts.counts.iter().filter(|count| !is_missing(count));
        let sims = sims(counts);
        Self {
            organization_id: organization.map(|id| id.to_string()),
            as_of: counts.as_of,
            data_quota: quota(listed().map(|count| (count.data_quota.as_str(), count.sims))),
            sms_quota: quota(listed().map(|count| (count.sms_quota.as_str(), count.sims))),
            sync: freshness(organization, counts),
            connectivity: now.map(|now| connectivity(&now.presence, sims.total)),
            usage: now.filter(|_| shows_usage).and_then(usage),
            missing: if now.is_none() {
                vec![Word(MissingPart::Usage)]
            } else {
                Vec::new()
            },
            sims,
        }
    }
}

fn is_missing(count: &SimCount) -> bool {
    count.status == "Missing"
}

fn sims(counts: &FleetCountsResponse) -> SimsView {
    let mut view = SimsView::default();
    for count in &counts.counts {
        let place = match count.status.as_str() {
            "Enabled" => &mut view.enabled,
            "Disabled" => &mut view.disabled,
            "Expired" => &mut view.expired,
            "Missing" => &mut view.missing,
            _ => &mut view.unknown,
        };
        *place += count.sims;
    }
    view.total = view.enabled + view.disabled + view.expired + view.unknown;
    view
}

fn quota<'a>(counts: impl Iterator<Item = (&'a str, u64)>) -> QuotaCountsView {
    let mut view = QuotaCountsView::default();
    for (word, sims) in counts {
        let place = match word {
            "sufficient" => &mut view.sufficient,
            "low" => &mut view.low,
            "exhausted" => &mut view.exhausted,
            "" => &mut view.not_told,
            _ => &mut view.unknown,
        };
        *place += sims;
    }
    view
}

fn freshness(organization: Option<OrganizationId>, counts: &FleetCountsResponse) -> FreshnessView {
    FreshnessView {
        accounts: organization.is_none().then(|| Vec::of(counts.accounts.clone())),
        oldest_synced_at: counts.oldest_synced_at,
        newest_synced_at: counts.newest_synced_at,
    }
}

/// SIMs that usage-ingestor has not met count as unknown, so that each sum is `total`.
fn connectivity(presence: &[PresenceCount], total: u64) -> ConnectivityView {
    let told: u64 = presence.iter().map(|count| count.sims).sum();
    let not_met = total.saturating_sub(told);
    let (mut online, mut offline, mut unknown) = (0, 0, not_met);
    let mut countries = BTreeMap::from([(0, (String::new(), not_met))]);
    let mut rats = BTreeMap::from([(0, not_met)]);
    for count in presence {
        *match count.online {
            Some(true) => &mut online,
            Some(false) => &mut offline,
            None => &mut unknown,
        } += count.sims;
        let country: &mut (String, u64) = countries.entry(count.mcc).or_default();
        country.0.clone_from(&count.country);
        country.1 += count.sims;
        *rats.entry(count.rat).or_default() += count.sims;
    }
    let mut countries: Vec<CountryView> = countries
        .into_iter()
        .filter(|(_, (_, sims))| *sims > 0)
        .map(|(mcc, (country, sims))| CountryView {
            mcc: (mcc > 0).then(|| format!("{mcc:03}")),
            country: Some(country).filter(|name| mcc > 0 && !name.is_empty()),
            sims,
        })
        .collect();
    countries.sort_by_key(|country| Reverse(country.sims));
    let mut rats: Vec<RatView> = rats
        .into_iter()
        .filter(|(_, sims)| *sims > 0)
        .map(|(rat, sims)| RatView {
            rat: (rat > 0).then_some(rat),
            name: Rat::of(rat).map(Word),
            sims,
        })
        .collect();
    rats.sort_by_key(|rat| Reverse(rat.sims));
    ConnectivityView {
        online,
        offline,
        unknown,
        countries,
        rats,
    }
}

impl Rat {
    /// By the number that 1NCE documents.
    fn of(number: u32) -> Option<Self> {
        Some(match number {
            1 => Self::Umts,
            2 => Self::Gsm,
            5 => Self::HspaPlus,
            6 => Self::Lte,
            8 => Self::NbIot,
            9 => Self::CatM,
            _ => return None,
        })
    }
}

fn usage(now: &FleetNowResponse) -> Option<UsageNowView> {
    Some(UsageNowView {
        today: now.today.as_ref()?.into(),
        month: now.month.as_ref()?.into(),
    })
}

/// The fleet at a glance
///
/// SIMs by status, quota, session, country and RAT, what they used today and this month (UTC), and how fresh that is. An
/// answer is up to 5 seconds old. What a service does not tell is null, and `missing` names it.
#[utoipa::path(get, path = "/api/v1/fleet/overview", tag = "Fleet")]
async fn get_fleet_overview(
    call: Call<ReadSims>,
    Query(params): Query<OverviewParams>,
) -> Result<MaxAge<Answer<OverviewView>, MAX_AGE>, ApiError> {
    let wanted = params.organization_id;
    if wanted.is_some_and(|id| id.0.is_nil()) {
        return Err(ApiError::field(
            "organization_id",
            "is no UUID of an organization",
        ));
    }
    let found =
        call.run(move |gateway, context| async move { fleet::overview(&gateway, &context, wanted).await });
    let shows_usage = call.principal().may(Permission::ReadUsage);
    let overview = found.await?;
    Ok(MaxAge(Answer(OverviewView::new(&overview, shows_usage))))
}
