//! The methods that the gateway asks.

use domain::{Iccid, OrganizationId};
use messages::pb::common::{Actor, Scope as WireScope};
use messages::pb::sim as pb;
use messages::{ErrorCode, sim_rpc};
use once_client::{BreakerState, Lane};
use service_runtime::bus::{BusError, RpcError, RpcServer};
use uuid::Uuid;

use crate::app::{AccountStatus, App};
use crate::store::{Scope, SyncRun};
use crate::wire::sims as wire;

/// Registers every method.
///
/// # Errors
/// When NATS refuses a subscription.
pub async fn serve(server: &RpcServer, app: &App) -> Result<(), BusError> {
    let shared = app.clone();
    server
        .method(sim_rpc::GetSim, move |request, _| {
            let app = shared.clone();
            async move { get(&app, request).await }
        })
        .await?;
    let shared = app.clone();
    server
        .method(sim_rpc::ListSims, move |request, _| {
            let app = shared.clone();
            async move { list(&app, request).await }
        })
        .await?;
    let shared = app.clone();
    server
        .action(sim_rpc::UpdateSim, move |request, _| {
            let app = shared.clone();
            async move { update(&app, request).await }
        })
        .await?;
    let shared = app.clone();
    server
        .method(sim_rpc::StartSync, move |request, _| {
            let app = shared.clone();
            async move { start_sync(&app, request).await }
        })
        .await?;
    let shared = app.clone();
    server
        .method(sim_rpc::SyncStatus, move |_, _| {
            let app = shared.clone();
            async move { sync_status(&app).await }
        })
        .await?;
    super::jobs::serve(server, app).await?;
    let shared = app.clone();
    server
        .method(sim_rpc::FleetCounts, move |request, _| {
            let app = shared.clone();
            async move { Ok(app.fleet_counts(scope(request.scope)?).await?) }
        })
        .await?;
    super::inventory::serve(server, app).await
}

async fn get(app: &App, request: pb::GetSimRequest) -> Result<pb::GetSimResponse, RpcError> {
    let sim = app
        .get_sim(scope(request.scope)?, iccid(&request.iccid)?, request.refresh)
        .await?;
    Ok(pb::GetSimResponse {
        sim: Some(wire::sim(&sim)),
    })
}

async fn list(app: &App, request: pb::ListSimsRequest) -> Result<pb::ListSimsResponse, RpcError> {
    let page = app.list_sims(scope(request.scope.clone())?, &request).await?;
    Ok(wire::list(page))
}

async fn update(app: &App, request: pb::UpdateSimRequest) -> Result<pb::UpdateSimResponse, RpcError> {
    let scope = scope(request.scope)?;
    let iccid = iccid(&request.iccid)?;
    let told = pb::SimChange {
        label: request.label,
        imei_lock: request.imei_lock,
        status: request.status,
        tags: request.tags,
        metadata_json: request.metadata_json,
        organization_id: request.organization_id,
        ..pb::SimChange::default()
    };
    let sim = app.update_sim(scope, iccid, told, &actor(request.actor)).await?;
    Ok(pb::UpdateSimResponse {
        sim: Some(wire::sim(&sim)),
    })
}

async fn start_sync(app: &App, request: pb::StartSyncRequest) -> Result<pb::StartSyncResponse, RpcError> {
    let runs = app
        .start_sync(
            &request.account,
            request.accept_mass_missing,
            &actor(request.actor),
        )
        .await?;
    Ok(pb::StartSyncResponse {
        runs: runs.into_iter().map(run).collect(),
    })
}

async fn sync_status(app: &App) -> Result<pb::SyncStatusResponse, RpcError> {
    let mut accounts = Vec::new();
    for status in app.sync_status().await? {
        accounts.push(account(app, status).await);
    }
    Ok(pb::SyncStatusResponse { accounts })
}

async fn account(app: &App, status: AccountStatus) -> pb::AccountSync {
    let state = status.state;
    let running = state.active.map(|active| pb::SyncRun {
        eta: status.eta.map(Into::into),
        pages_per_second: state.pages_per_second,
        ..run(active)
    });
    let mut answer = pb::AccountSync {
        account: status.account,
        sims_known: wire::count(state.listed),
        sims_missing: wire::count(state.missing),
        running,
        last_finished: state.last.map(run),
        last_complete_at: state.last_complete_at.map(Into::into),
        next_due_at: status.next_due_at.map(Into::into),
        ..pb::AccountSync::default()
    };
    if let Some(client) = app
        .clients
        .iter()
        .find(|client| client.account().as_str() == answer.account)
    {
        answer.breaker = breaker_word(client.breaker_state()).to_owned();
        let budget = client.budget().snapshot().await;
        answer.budget_rate = budget.rate;
        let used = Lane::ALL.into_iter().zip(budget.used_last_minute);
        answer.budget_used = used.map(|(lane, used)| (lane.word().to_owned(), used)).collect();
    }
    answer
}

fn breaker_word(state: BreakerState) -> &'static str {
    match state {
        BreakerState::Closed => "closed",
        BreakerState::Open { .. } => "open",
        BreakerState::HalfOpen => "half_open",
    }
}

fn run(run: SyncRun) -> pb::SyncRun {
    let number = |count: i32| u32::try_from(count).unwrap_or(0);
    pb::SyncRun {
        id: run.id.to_string(),
        account: run.account,
        state: run.state.to_string(),
        reason: run.reason.to_string(),
        started_at: run.started_at.map(Into::into),
        finished_at: run.finished_at.map(Into::into),
        pass: number(run.pass),
        pages_done: number(run.next_page - 1),
        pages_total: number(run.pages_total.unwrap_or(0)),
        sims_seen: wire::count(run.sims_seen),
        sims_discovered: wire::count(run.sims_discovered),
        sims_changed: wire::count(run.sims_changed),
        sims_missing: wire::count(run.sims_missing),
        records_rejected: wire::count(run.records_rejected),
        resumed: number(run.resumed),
        error: run.error.unwrap_or_default(),
        ..pb::SyncRun::default()
    }
}

pub(super) fn scope(scope: Option<WireScope>) -> Result<Scope, RpcError> {
    let scope = scope.ok_or_else(|| RpcError::field("scope", "is missing"))?;
    if scope.organization_id.is_empty() {
        return Ok(Scope::All);
    }
    let id = Uuid::parse_str(&scope.organization_id)
        .map_err(|_| RpcError::field("organization_id", "is no UUID"))?;
    Ok(Scope::Organization(OrganizationId(id)))
}

pub(super) fn iccid(text: &str) -> Result<Iccid, RpcError> {
    Iccid::parse(text).map_err(|error| RpcError::new(ErrorCode::InvalidIccid, error.to_string()))
}

pub(super) fn actor(actor: Option<Actor>) -> String {
    actor.map_or_else(
        || "system".to_owned(),
        |actor| format!("{}:{}", actor.kind, actor.id),
    )
}
