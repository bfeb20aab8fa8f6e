//! The readings of the whole fleet.

use messages::pb::sim as pb;
use once_client::{BreakerState, Lane};
use service_runtime::bus::RpcError;
use service_runtime::wire::{actor, count};

use crate::app::{AccountStatus, App};
use crate::store::SyncRun;

pub async fn start(app: App, request: pb::StartSyncRequest) -> Result<pb::StartSyncResponse, RpcError> {
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

pub async fn status(app: App, _: pb::SyncStatusRequest) -> Result<pb::SyncStatusResponse, RpcError> {
    let mut accounts = Vec::new();
    for status in app.sync_status().await? {
        accounts.push(account(&app, status).await);
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
        sims_known: count(state.listed),
        sims_missing: count(state.missing),
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
        answer.warnings = app.provider.warnings(client);
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
    let waiting = run.waiting_since.filter(|_| run.finished_at.is_none());
    let waiting = waiting.map(|since| {
        let since = since.to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
        let reason = run.waiting_reason.as_deref().unwrap_or_default();
        format!("waits for 1NCE since {since}: {reason}")
    });
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
        sims_seen: count(run.sims_seen),
        sims_discovered: count(run.sims_discovered),
        sims_changed: count(run.sims_changed),
        sims_missing: count(run.sims_missing),
        records_rejected: count(run.records_rejected),
        resumed: number(run.resumed),
        error: run.error.unwrap_or_default(),
        waiting: waiting.unwrap_or_default(),
        warning: run.warning.unwrap_or_default(),
        ..pb::SyncRun::default()
    }
}
