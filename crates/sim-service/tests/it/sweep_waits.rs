//! A sweep that 1NCE does not answer stays where it is, and only the whole list tells who is gone.

use anyhow::{Context, ensure};
use messages::pb::common::HealthRequest;
use messages::pb::sim::{StartSyncRequest, SyncRun, SyncStatusRequest};
use messages::sim_rpc;
use once_emulator::{CallFilter, Fault, FaultBody, FaultKind};
use test_support::eventually;

use crate::harness::TestApp;
use crate::jobs_actions::{FAST, transfer, two_customers};
use crate::jobs_support::named;

async fn waiting(app: &TestApp) -> SyncRun {
    app.call::<sim_rpc::StartSync>(StartSyncRequest::default())
        .await
        .unwrap();
    eventually("the run waits", || async {
        let status = app.call::<sim_rpc::SyncStatus>(SyncStatusRequest {}).await?;
        let account = &status.accounts[0];
        let run = account.running.clone().or(account.last_finished.clone());
        let run = run.context("no run")?;
        ensure!(!run.waiting.is_empty() || run.finished_at.is_some(), "{run:?}");
        Ok(run)
    })
    .await
}

/// What the health check says about 1NCE; empty when all is well.
async fn health(app: &TestApp) -> String {
    let health = app.call::<sim_rpc::Health>(HealthRequest {}).await.unwrap();
    let check = health.checks.into_iter().find(|check| check.name == "1nce");
    check.unwrap().detail
}

#[tokio::test]
async fn a_refused_page_is_asked_for_again_and_the_run_says_why_it_waits() {
    let app = TestApp::start(30).await;
    let refused = Fault::new(FaultKind::Status, "/*/sims$").status(400, FaultBody::Json);
    let refused = app.control().faults_add(&refused).await.unwrap();

    let told = waiting(&app).await;
    let unwell = health(&app).await;
    app.control().faults_remove(refused).await.unwrap();
    let run = app.sync().await;
    let well = health(&app).await;

    assert!(told.waiting.starts_with("waits for 1NCE since 2"), "{told:?}");
    assert!(told.waiting.contains("400"), "{told:?}");
    assert_eq!((run.id, run.state.as_str()), (told.id, "completed"));
    assert_eq!((run.sims_discovered, run.waiting.as_str()), (30, ""));
    assert!(unwell.contains("400"), "{unwell}");
    assert_eq!(well, "");
}

#[tokio::test]
async fn a_page_that_stays_refused_ends_the_run_at_last() {
    let settings = [("sim.give_up_refused_after_seconds", "1")];
    let app = TestApp::start_with(crate::harness::quick(30), &settings).await;
    let refused = Fault::new(FaultKind::Status, "/*/sims$").status(400, FaultBody::Json);
    app.control().faults_add(&refused).await.unwrap();

    let run = app.sync().await;

    assert_eq!(run.state, "failed");
    assert!(run.error.contains("400"), "{}", run.error);
}

#[tokio::test]
async fn a_run_does_not_take_v1s_list_for_the_fleet_while_v2_fails() {
    let app = TestApp::start(30).await;
    app.sql(
        "INSERT INTO sim.sync_runs (id, account, state, reason, generation, finished_at)
         VALUES (gen_random_uuid(), 'main', 'completed', 'schedule', 'v2', now())",
    )
    .await;
    let failing = Fault::new(FaultKind::Status, "/v2/").status(503, FaultBody::Json);
    app.control().faults_add(&failing).await.unwrap();

    let told = waiting(&app).await;

    assert_eq!(told.finished_at, None, "{told:?}");
    let calls = app.control().calls(&CallFilter::default()).await.unwrap();
    let pages = calls.iter().filter(|call| call.path.ends_with("/v1/sims"));
    let pages = pages.filter(|call| call.query.contains("pageSize=100"));
    assert_eq!(pages.count(), 0);
}

#[tokio::test]
async fn sims_that_a_transfer_took_away_are_no_mass_missing() {
    let app = TestApp::start_with(two_customers(40), &FAST).await;
    app.sync().await;
    let iccids = app.iccids().await;
    let (job, _) = app.run_job(transfer(named(&iccids[..25]))).await;
    assert_eq!((job.done, job.failed), (25, 0));

    let run = app.sync().await;

    assert_eq!(
        (run.state.as_str(), run.sims_missing),
        ("completed", 25),
        "{run:?}"
    );
    for iccid in &iccids[25..35] {
        app.control().remove_sim(iccid).await.unwrap();
    }
    let refused = app.sync().await;
    assert_eq!(refused.state, "failed", "others that vanish are: {refused:?}");
}
