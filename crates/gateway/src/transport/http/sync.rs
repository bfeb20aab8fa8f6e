use std::collections::BTreeMap;
use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use messages::Timestamp;
use messages::pb::sim as pb;
use serde::Serialize;
use tracing::Instrument;
use utoipa::ToSchema;

use super::auth::{Authenticated, ReadSims, WriteSims};
use super::envelope::{self, Answer};
use super::params::Params;
use super::request::span;
use super::update_body::StartSyncBody;
use super::{body, idempotency, update_body};
use crate::app::{Gateway, sync};
use crate::error::ApiError;

/// One reading of the whole fleet.
#[derive(Debug, Serialize, ToSchema)]
pub struct SyncRunView {
    id: String,
    account: String,
    /// `queued`, `running`, `completed` or `failed`.
    state: String,
    /// `schedule` or `request`.
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
    /// `closed`, `open` or `half_open`.
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

/// How the readings of the fleet stand
///
/// Only for keys of the whole platform: these are its numbers. An organization's key sees in each SIM's
/// `last_synced_at` how fresh it is.
#[utoipa::path(
    get, path = "/api/v1/sync/status", tag = "Sync", security(("api_key" = ["read:sims"])),
    responses((status = 200, description = "Each account", body = Answer<SyncStatusView>))
)]
pub async fn sync_status(
    gateway: Data<Gateway>,
    caller: Authenticated<ReadSims>,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let context = caller.0;
    Params::none(request.query_string()).or(())?;
    let span = span(&request, "GET /api/v1/sync/status", &context.request_id);
    let status = sync::sync_status(&gateway, &context).instrument(span).await?;
    let accounts = status.accounts.into_iter().map(AccountSyncView::from);
    let view = SyncStatusView {
        accounts: accounts.collect(),
    };
    envelope::answer(StatusCode::OK, &view, &context.request_id)
}

/// Read the whole fleet from 1NCE
///
/// Only for keys of the whole platform.
#[utoipa::path(
    post, path = "/api/v1/sync/sims", tag = "Sync", security(("api_key" = ["write:sims"])),
    request_body = StartSyncBody,
    responses((status = 202, description = "The readings are queued", body = Answer<StartedSyncView>))
)]
pub async fn start_sync(
    gateway: Data<Gateway>,
    caller: Authenticated<WriteSims>,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, ApiError> {
    let context = caller.0;
    let faults = Params::none(request.query_string());
    let body = body::json_bytes(&gateway, &request, payload).await?;
    let start = update_body::start_sync(body::parse_or_nothing(&body)?, faults)?;
    let request_id = Arc::clone(&context.request_id);
    let span = span(&request, "POST /api/v1/sync/sims", &request_id);
    let (own, by) = (gateway.clone(), context.clone());
    idempotency::once(&gateway, &context, &request, &body, async move |_| {
        let work = sync::start_sync(Arc::clone(&own), by, start);
        let started = own.on_main(work).instrument(span).await?;
        let view = StartedSyncView {
            runs: started.runs.into_iter().map(SyncRunView::from).collect(),
            status_url: "/api/v1/sync/status",
        };
        envelope::answer(StatusCode::ACCEPTED, &view, &request_id)
    })
    .await
}
