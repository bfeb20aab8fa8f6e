//! The fleet at a glance.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use domain::OrganizationId;
use messages::Timestamp;
use messages::pb::sim::{FleetCountsResponse, SimCount};
use messages::pb::usage::{FleetNowResponse, PresenceCount, UsageGroup};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::frame::authenticate::ReadSims;
use super::frame::example::TIME;
use super::frame::fields::{OneOf, words};
use super::frame::{Answer, Call, Example, MaxAge, Operation, Query, fields, operations};
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

/// The fleet at a glance.
#[derive(Debug, Serialize, ToSchema)]
pub struct OverviewView {
    /// Whose SIMs are counted; null: everybody's.
    organization_id: Option<String>,
    #[schema(value_type = Option<String>, format = DateTime)]
    as_of: Option<Timestamp>,
    sims: SimsView,
    /// SIMs that 1NCE lists, by what is left of their data quota.
    data_quota: QuotaCountsView,
    sms_quota: QuotaCountsView,
    sync: FreshnessView,
    /// Null when usage-ingestor did not answer.
    connectivity: Option<ConnectivityView>,
    /// Null when usage-ingestor did not answer, or the caller lacks `read:usage`.
    usage: Option<UsageNowView>,
    /// Parts that are null because their service did not answer.
    #[schema(value_type = Vec<MissingPart>)]
    missing: Vec<&'static str>,
}

/// SIMs by status.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct SimsView {
    /// SIMs that 1NCE lists.
    total: u64,
    enabled: u64,
    disabled: u64,
    expired: u64,
    /// In a status that only 1NCE knows.
    unknown: u64,
    /// SIMs that 1NCE does not list any more; no other number counts them.
    missing: u64,
}

/// SIMs by state of a quota.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct QuotaCountsView {
    /// Over 20 % left.
    sufficient: u64,
    /// Less than 20 % left.
    low: u64,
    exhausted: u64,
    /// In a state that only 1NCE knows.
    unknown: u64,
    /// 1NCE tells nothing of the quota.
    not_told: u64,
}

/// How fresh what is known of the SIMs is.
#[derive(Debug, Serialize, ToSchema)]
pub struct FreshnessView {
    /// The last complete sweep of each account; null in the overview of one organization.
    accounts: Option<Vec<AccountFreshnessView>>,
    /// The oldest `last_synced_at` of the organization's SIMs; null in the overview of the platform.
    #[schema(value_type = Option<String>, format = DateTime)]
    oldest_synced_at: Option<Timestamp>,
    /// The newest one.
    #[schema(value_type = Option<String>, format = DateTime)]
    newest_synced_at: Option<Timestamp>,
}

/// How fresh an account is.
#[derive(Debug, Serialize, ToSchema)]
pub struct AccountFreshnessView {
    account: String,
    /// When it began; null before the first.
    #[schema(value_type = Option<String>, format = DateTime)]
    last_complete_at: Option<Timestamp>,
}

/// Where the SIMs are, as far as events of data sessions tell.
#[derive(Debug, Serialize, ToSchema)]
pub struct ConnectivityView {
    /// With a data session by the last event; that it ended may be told late.
    online: u64,
    offline: u64,
    /// No event told.
    unknown: u64,
    /// The most SIMs first.
    countries: Vec<CountryView>,
    rats: Vec<RatView>,
}

/// SIMs that were last in a country.
#[derive(Debug, Serialize, ToSchema)]
pub struct CountryView {
    /// Three digits; null: no event told.
    mcc: Option<String>,
    /// Its name; null where nobody told it.
    country: Option<String>,
    sims: u64,
}

/// SIMs that used a radio access technology last.
#[derive(Debug, Serialize, ToSchema)]
pub struct RatView {
    /// 1NCE's number; null: no event told.
    rat: Option<u32>,
    /// Null for a number that 1NCE does not document.
    #[schema(value_type = Option<Rat>)]
    name: Option<&'static str>,
    sims: u64,
}

/// What the fleet used.
#[derive(Debug, Serialize, ToSchema)]
pub struct UsageNowView {
    today: UsedView,
    /// Today is part of it.
    month: UsedView,
}

/// What was used since the beginning of a UTC day. Volumes are bytes.
#[derive(Debug, Serialize, ToSchema)]
pub struct UsedView {
    /// The first day.
    #[schema(format = Date)]
    since: String,
    volume_rx: u64,
    volume_tx: u64,
    total_volume: u64,
    sms_mo: u64,
    sms_mt: u64,
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
                vec![MissingPart::Usage.word()]
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
    let accounts = counts.accounts.iter().map(|account| AccountFreshnessView {
        account: account.account.clone(),
        last_complete_at: account.last_complete_at,
    });
    FreshnessView {
        accounts: organization.is_none().then(|| accounts.collect()),
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
            name: Rat::of(rat).map(Rat::word),
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
        today: used(now.today.as_ref()?),
        month: used(now.month.as_ref()?),
    })
}

fn used(sum: &UsageGroup) -> UsedView {
    UsedView {
        since: sum.key.clone(),
        volume_rx: sum.rx,
        volume_tx: sum.tx,
        total_volume: sum.total,
        sms_mo: sum.sms_mo,
        sms_mt: sum.sms_mt,
    }
}

impl Example for OverviewView {
    fn example() -> Value {
        let quota = json!({ "sufficient": 11000, "low": 900, "exhausted": 100, "unknown": 0, "not_told": 0 });
        let used = json!({
            "since": "2026-07-01", "volume_rx": 52_428_800, "volume_tx": 209_715_200, "total_volume": 262_144_000,
            "sms_mo": 17, "sms_mt": 4,
        });
        json!({
            "organization_id": null, "as_of": TIME,
            "sims": {
                "total": 12000, "enabled": 11500, "disabled": 400, "expired": 100, "unknown": 0, "missing": 3,
            },
            "data_quota": quota, "sms_quota": quota,
            "sync": {
                "accounts": [{ "account": "main", "last_complete_at": TIME }], "oldest_synced_at": null,
                "newest_synced_at": null,
            },
            "connectivity": {
                "online": 9000, "offline": 2900, "unknown": 100,
                "countries": [
                    { "mcc": "262", "country": "Germany", "sims": 11900 },
                    { "mcc": null, "country": null, "sims": 100 },
                ],
                "rats": [
                    { "rat": 6, "name": "LTE", "sims": 11900 }, { "rat": null, "name": null, "sims": 100 },
                ],
            },
            "usage": { "today": used, "month": used },
            "missing": [],
        })
    }
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
