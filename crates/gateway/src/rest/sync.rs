//! Readings of the whole fleet, and of usage, from 1NCE.

use std::collections::BTreeMap;

use domain::{AccountSlug, Iccid};
use messages::pb::{sim as pb, usage};
use messages::{Timestamp, sim_rpc, usage_rpc};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::frame::authenticate::{ReadSims, WriteSims};
use super::frame::example::TIME;
use super::frame::fields::{Day, Flag, words, words_of};
use super::frame::{Accepted, Answer, Call, Example, Once, Operation, OptionalBody, fields, operations};
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
    pub type RunStateWord = RunState as "SyncRunState"
}

words_of! {
    /// Why a reading began.
    pub type RunReasonWord = RunReason as "SyncRunReason"
}

words! {
    /// Whether calls to 1NCE go through: `open` while they pause.
    pub enum Breaker as "BreakerState" { Closed = "closed", Open = "open", HalfOpen = "half_open" }
}

/// One reading of the whole fleet.
#[derive(Debug, Serialize, ToSchema)]
pub struct SyncRunView {
    id: String,
    account: String,
    #[schema(value_type = RunStateWord)]
    state: String,
    #[schema(value_type = RunReasonWord)]
    reason: String,
    #[schema(value_type = Option<String>, format = DateTime)]
    started_at: Option<Timestamp>,
    #[schema(value_type = Option<String>, format = DateTime)]
    finished_at: Option<Timestamp>,
    /// 1 for the first reading, more for confirming ones.
    pass: u32,
    pages_done: u32,
    pages_total: u32,
    sims_seen: u64,
    sims_discovered: u64,
    sims_changed: u64,
    sims_missing: u64,
    records_rejected: u64,
    /// How often another process continued it.
    resumed: u32,
    /// When it will be done at the present pace.
    #[schema(value_type = Option<String>, format = DateTime)]
    eta: Option<Timestamp>,
    pages_per_second: f64,
    error: Option<String>,
    /// Why it waits for 1NCE, and since when.
    waiting: Option<String>,
    /// What to look at although it ended well: records that could not be read, a list that never rests.
    warning: Option<String>,
}

/// How the readings of one account stand.
#[derive(Debug, Serialize, ToSchema)]
pub struct AccountSyncView {
    account: String,
    sims_known: u64,
    sims_missing: u64,
    running: Option<SyncRunView>,
    last_finished: Option<SyncRunView>,
    #[schema(value_type = Option<String>, format = DateTime)]
    last_complete_at: Option<Timestamp>,
    #[schema(value_type = Option<String>, format = DateTime)]
    next_due_at: Option<Timestamp>,
    #[schema(value_type = Breaker)]
    breaker: String,
    /// Requests per second that 1NCE grants at the moment.
    budget_rate: f64,
    /// Granted calls in the last 60 seconds, by lane.
    budget_used: BTreeMap<String, u64>,
}

/// How the readings of the fleet stand.
#[derive(Debug, Serialize, ToSchema)]
pub struct SyncStatusView {
    accounts: Vec<AccountSyncView>,
}

/// The readings that were started.
#[derive(Debug, Serialize, ToSchema)]
pub struct StartedSyncView {
    runs: Vec<SyncRunView>,
    /// Where to follow them.
    status_url: &'static str,
}

/// Readings by API that were made due.
#[derive(Debug, Serialize, ToSchema)]
pub struct StartedUsageSyncView {
    sims_queued: u64,
    /// Where to follow them.
    status_url: &'static str,
}

impl From<pb::SyncRun> for SyncRunView {
    fn from(run: pb::SyncRun) -> Self {
        Self {
            id: run.id,
            account: run.account,
            state: run.state,
            reason: run.reason,
            started_at: run.started_at,
            finished_at: run.finished_at,
            pass: run.pass,
            pages_done: run.pages_done,
            pages_total: run.pages_total,
            sims_seen: run.sims_seen,
            sims_discovered: run.sims_discovered,
            sims_changed: run.sims_changed,
            sims_missing: run.sims_missing,
            records_rejected: run.records_rejected,
            resumed: run.resumed,
            eta: run.eta,
            pages_per_second: run.pages_per_second,
            error: (!run.error.is_empty()).then_some(run.error),
            waiting: (!run.waiting.is_empty()).then_some(run.waiting),
            warning: (!run.warning.is_empty()).then_some(run.warning),
        }
    }
}

impl From<pb::AccountSync> for AccountSyncView {
    fn from(sync: pb::AccountSync) -> Self {
        Self {
            account: sync.account,
            sims_known: sync.sims_known,
            sims_missing: sync.sims_missing,
            running: sync.running.map(SyncRunView::from),
            last_finished: sync.last_finished.map(SyncRunView::from),
            last_complete_at: sync.last_complete_at,
            next_due_at: sync.next_due_at,
            breaker: sync.breaker,
            budget_rate: sync.budget_rate,
            budget_used: sync.budget_used,
        }
    }
}

fields! {
    /// Which accounts to read.
    pub struct StartSyncBody {
        /// One account; absent means all.
        account: Option<AccountSlug>,
        /// Store that SIMs are gone even when they are suspiciously many.
        accept_mass_missing: Flag,
    }
}

fields! {
    /// Whose usage to read, and from when on.
    pub struct StartUsageSyncBody {
        /// One SIM; absent means every SIM that the key may see.
        iccid: Option<Iccid>,
        /// First day to read; absent means what was not compared yet. 1NCE keeps six months.
        start_date: Option<Day>,
    }
}

impl Example for StartSyncBody {
    fn example() -> Value {
        json!({ "account": "main" })
    }
}

impl Example for StartUsageSyncBody {
    fn example() -> Value {
        json!({ "iccid": "8988999000000000017", "start_date": "2026-06-01" })
    }
}

impl Example for SyncStatusView {
    fn example() -> Value {
        json!({ "accounts": [{
            "account": "main", "sims_known": 12000, "sims_missing": 0, "running": run("running"),
            "last_finished": run("completed"), "last_complete_at": TIME, "next_due_at": TIME,
            "breaker": "closed", "budget_rate": 10.0, "budget_used": { "background": 540, "interactive": 3 },
        }] })
    }
}

impl Example for StartedSyncView {
    fn example() -> Value {
        json!({ "runs": [run("queued")], "status_url": STATUS_URL })
    }
}

impl Example for StartedUsageSyncView {
    fn example() -> Value {
        json!({ "sims_queued": 1, "status_url": USAGE_STATUS_URL })
    }
}

fn run(state: &str) -> Value {
    json!({
        "id": "019cf7a0-0000-7000-8000-000000000002", "account": "main", "state": state, "reason": "request",
        "started_at": TIME, "finished_at": null, "pass": 1, "pages_done": 40, "pages_total": 120, "sims_seen": 4000,
        "sims_discovered": 2, "sims_changed": 11, "sims_missing": 0, "records_rejected": 0, "resumed": 0, "eta": TIME,
        "pages_per_second": 8.9, "error": null, "waiting": null, "warning": null,
    })
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
    let accounts = status.accounts.into_iter().map(AccountSyncView::from);
    Ok(Answer(SyncStatusView {
        accounts: accounts.collect(),
    }))
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
        let runs = started.runs.into_iter().map(SyncRunView::from);
        Ok(Accepted(StartedSyncView {
            runs: runs.collect(),
            status_url: STATUS_URL,
        }))
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
        Ok(Accepted(StartedUsageSyncView {
            sims_queued: started.sims_queued,
            status_url: USAGE_STATUS_URL,
        }))
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
