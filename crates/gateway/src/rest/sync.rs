//! Readings of the whole fleet, and of usage, from 1NCE.

use std::collections::BTreeMap;

use domain::{AccountSlug, Iccid, ProviderWarning, RunReason, RunState};
use messages::pb::{sim as pb, usage};
use messages::{Timestamp, sim_rpc, usage_rpc};
use serde_json::{Value, json};

use super::frame::authenticate::{ReadSims, WriteSims};
use super::frame::example::TIME;
use super::frame::fields::{Day, Flag, words, words_of};
use super::frame::view::Told;
use super::frame::{
    Accepted, Answer, Call, Example, Once, Operation, OptionalBody, fields, operations, view,
};
use crate::app::Act;
use crate::error::{ApiCode, ApiError};

const SYNCS: &str = "syncs concern the whole platform";
const STATUS_URL: &str = "/api/v1/sync/status";
const USAGE_STATUS_URL: &str = "/api/v1/ingest/status";

pub fn operations() -> Vec<Operation> {
    operations![
        get_sync_status,
        start_sync,
        start_usage_sync.may_fail(&[ApiCode::NotFound]),
    ]
}

words_of! {
    /// How far a reading of the fleet is.
    RunState as "SyncRunState"
}

words_of! {
    /// Why a reading began.
    RunReason as "SyncRunReason"
}

words! {
    /// Whether calls to 1NCE go through: `open` while they pause.
    pub enum Breaker as "BreakerState" { Closed = "closed", Open = "open", HalfOpen = "half_open" }
}

view! {
    /// One reading of the whole fleet.
    pub struct SyncRunView from pb::SyncRun as run {
        id: String = "019cf7a0-0000-7000-8000-000000000002",
        account: String = "main",
        state: Told<RunState> = "running",
        reason: Told<RunReason> = "request",
        started_at: Option<Timestamp> = TIME,
        finished_at: Option<Timestamp>,
        /// 1 for the first reading, more for confirming ones.
        pass: u32 = 1,
        pages_done: u32 = 40,
        pages_total: u32 = 120,
        sims_seen: u64 = 4000,
        sims_discovered: u64 = 2,
        sims_changed: u64 = 11,
        sims_missing: u64,
        records_rejected: u64,
        /// How often another process continued it.
        resumed: u32,
        /// When it will be done at the present pace.
        eta: Option<Timestamp> = TIME,
        pages_per_second: f64 = 8.9,
        error: Option<String>,
        /// Why it waits for 1NCE, and since when.
        waiting: Option<String>,
        /// What to look at although it ended well: records that could not be read, a list that never rests.
        warning: Option<String>,
    }
}

fn finished() -> Value {
    let mut run = SyncRunView::example();
    run["state"] = json!("completed");
    run["finished_at"] = json!(TIME);
    run["eta"] = Value::Null;
    run
}

words_of! {
    /// What should worry whoever runs an account: `v1_ends` from thirty days before the end of 1NCE's API v1, as long as
    /// something runs through it.
    ProviderWarning as "ProviderWarningCode"
}

view! {
    /// Something that should worry whoever runs the account.
    pub struct ProviderWarningView from pb::ProviderWarning as warning {
        code: Told<ProviderWarning> = "v1_ends",
        sentence: String = "API v1 of 1NCE ends on 2026-12-31 (in 12 days); account main still uses it for usage. \
            GET /api/v1/provider/readiness says what happens then.",
    }
}

view! {
    /// How the readings of one account stand.
    pub struct AccountSyncView from pb::AccountSync as sync {
        account: String = "main",
        sims_known: u64 = 12000,
        sims_missing: u64,
        running: Option<SyncRunView> = SyncRunView::example(),
        last_finished: Option<SyncRunView> = finished(),
        last_complete_at: Option<Timestamp> = TIME,
        next_due_at: Option<Timestamp> = TIME,
        breaker: Told<Breaker> = "closed",
        /// Requests per second that 1NCE grants at the moment.
        budget_rate: f64 = 10.0,
        /// Granted calls in the last 60 seconds, by lane.
        budget_used: BTreeMap<String, u64> = json!({ "background": 540, "interactive": 3 }),
        warnings: Vec<ProviderWarningView>,
    }
}

view! {
    /// How the readings of the fleet stand.
    pub struct SyncStatusView from pb::SyncStatusResponse as status {
        accounts: Vec<AccountSyncView>,
    }
}

view! {
    /// The readings that were started.
    pub struct StartedSyncView from pb::StartSyncResponse as started {
        runs: Vec<SyncRunView>,
        /// Where to follow them.
        status_url: &'static str = STATUS_URL => STATUS_URL,
    }
}

view! {
    /// Readings by API that were made due.
    pub struct StartedUsageSyncView from usage::StartUsageSyncResponse as started {
        sims_queued: u64 = 1,
        /// Where to follow them.
        status_url: &'static str = USAGE_STATUS_URL => USAGE_STATUS_URL,
    }
}

fields! {
    /// Which accounts to read.
    pub struct StartSyncBody {
        /// One account; absent means all.
        account: Option<AccountSlug> = "main",
        /// Store that SIMs are gone even when they are suspiciously many.
        accept_mass_missing: Flag,
    }
}

fields! {
    /// Whose usage to read, and from when on.
    pub struct StartUsageSyncBody {
        /// One SIM; absent means every SIM that the key may see.
        iccid: Option<Iccid> = "8988999000000000017",
        /// First day to read; absent means what was not compared yet. 1NCE keeps six months.
        start_date: Option<Day> = "2026-06-01",
    }
}

/// How the readings of the fleet stand
///
/// Only for keys of the whole platform: these are its numbers. An organization's key sees in each SIM's
/// `last_synced_at` how fresh it is.
#[utoipa::path(get, path = "/api/v1/sync/status", tag = "Sync")]
async fn get_sync_status(call: Call<ReadSims>) -> Result<Answer<SyncStatusView>, ApiError> {
    call.context().platform_only(SYNCS)?;
    let status = call
        .ask::<sim_rpc::SyncStatus>(|_| pb::SyncStatusRequest {})
        .await?;
    Ok(Answer(status.into()))
}

/// Read the whole fleet from 1NCE
///
/// Only for keys of the whole platform: it spends the account's budget and decides for every organization what is
/// missing.
#[utoipa::path(post, path = "/api/v1/sync/sims", tag = "Sync")]
async fn start_sync(
    call: Call<WriteSims>,
    OptionalBody(body): OptionalBody<StartSyncBody>,
) -> Result<Once<Accepted<StartedSyncView>>, ApiError> {
    let StartSyncBody {
        account,
        accept_mass_missing: Flag(accept_mass_missing),
    } = body.value;
    call.once(&body.bytes, move |call, _| async move {
        call.context().platform_only(SYNCS)?;
        let act = Act {
            action: "sync.start",
            subject: account
                .as_ref()
                .map_or("all", |account| account.as_str())
                .to_owned(),
            organization: None,
        };
        let details = json!({ "accept_mass_missing": accept_mass_missing });
        let started = call
            .act::<sim_rpc::StartSync>(act, details, |_, actor| pb::StartSyncRequest {
                actor: Some(actor),
                account: account.map(String::from).unwrap_or_default(),
                accept_mass_missing,
            })
            .await?;
        Ok(Accepted(started.into()))
    })
    .await
}

/// Read usage from 1NCE's API
///
/// One SIM before everything else, or every SIM that the key may see, behind what persons ask for. One call reads one
/// SIM, so a fleet takes its time.
#[utoipa::path(post, path = "/api/v1/sync/usage", tag = "Sync")]
async fn start_usage_sync(
    call: Call<WriteSims>,
    OptionalBody(body): OptionalBody<StartUsageSyncBody>,
) -> Result<Once<Accepted<StartedUsageSyncView>>, ApiError> {
    let iccid = body.value.iccid.map(|iccid| iccid.to_string());
    let start_date = body.value.start_date.map(|day| day.0.to_string());
    call.once(&body.bytes, move |call, _| async move {
        let act = Act {
            action: "sync.usage",
            subject: iccid.clone().unwrap_or_else(|| "all".to_owned()),
            organization: call.principal().organization,
        };
        let details = json!({ "start_date": start_date });
        let started = call
            .act::<usage_rpc::StartUsageSync>(act, details, |scope, actor| usage::StartUsageSyncRequest {
                scope: Some(scope),
                actor: Some(actor),
                iccid: iccid.unwrap_or_default(),
                start_date: start_date.unwrap_or_default(),
            })
            .await?;
        Ok(Accepted(started.into()))
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rest::frame::faults::Faults;
    use crate::rest::frame::fields::Source;

    fn read(body: &Value) -> Result<StartUsageSyncBody, ApiError> {
        let mut faults = Faults::default();
        let read = Source::read(body.as_object().unwrap().clone(), "", &mut faults);
        faults.or(())?;
        Ok(read.unwrap())
    }

    #[test]
    fn a_usage_sync_is_of_one_sim_or_of_all() {
        let all = read(&json!({})).unwrap();
        assert!(all.iccid.is_none() && all.start_date.is_none());
        let one = read(&json!({"iccid": "89889990000000000176", "start_date": "2026-01-31"})).unwrap();
        assert_eq!(one.iccid.unwrap().to_string(), "8988999000000000017");
        assert_eq!(one.start_date.unwrap().0.to_string(), "2026-01-31");
        let error = read(&json!({"iccid": 7, "start_date": "soon", "x": 1})).unwrap_err();
        assert_eq!(error.fields.len(), 3);
    }
}
