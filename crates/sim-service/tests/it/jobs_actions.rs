//! Transfers and extensions: called once, whatever happens.

use anyhow::ensure;
use messages::pb::sim as pb;
use messages::pb::sim::create_job_request::Work;
use once_emulator::{CallRecord, EmulatorConfig, Fault, FaultBody, FaultKind, SimPatch};
use test_support::eventually;

use crate::harness::{Killable, TestApp, quick};
use crate::jobs_support::{all, matching, named, new_id, outcomes};

const TARGET: u64 = 990_002;
pub const FAST: [(&str, &str); 2] = [("jobs.retry_ms", "20"), ("jobs.lease_seconds", "1")];

/// Two customers; a transfer between them happens at once.
pub fn two_customers(fleet: u32) -> EmulatorConfig {
    quick(fleet)
        .with_customer("990002_other", "other-secret")
        .with_settings(|settings| settings.async_delay_seconds = 0)
}

/// v1 is gone, and v2 has no path for transfers.
fn without_transfers(fleet: u32) -> EmulatorConfig {
    two_customers(fleet).with_settings(|settings| {
        settings.v1 = once_emulator::Generation::Retired;
        settings.v2_paths.sim_transfer = false;
    })
}

pub fn transfer(selection: Option<pb::SimSelection>) -> Work {
    Work::Transfer(pb::TransferWork {
        selection,
        target_organisation: TARGET,
    })
}

pub fn extension(iccids: &[String]) -> Work {
    Work::Extension(pb::ExtensionWork {
        selection: named(iccids),
        product_id: None,
        payment_method: "creditcard".into(),
    })
}

pub async fn posts(app: &TestApp, path: &str) -> Vec<CallRecord> {
    let calls = app.calls_of("POST").await;
    calls
        .into_iter()
        .filter(|call| call.path.ends_with(path))
        .collect()
}

async fn fault(app: &TestApp, kind: FaultKind, path: &str) {
    let fault = Fault::new(kind, path).method("POST").times(1);
    app.control().faults_add(&fault).await.unwrap();
}

/// The first SIMs of the fleet, expired at 1NCE and here.
pub async fn expired(app: &TestApp, count: usize) -> Vec<String> {
    app.sync().await;
    let iccids = app.iccids().await[..count].to_vec();
    for iccid in &iccids {
        let patch = SimPatch {
            expired: Some(true),
            ..SimPatch::default()
        };
        app.control().patch_sim(iccid, &patch).await.unwrap();
    }
    app.sync().await;
    iccids
}

pub async fn extensions(app: &TestApp) -> usize {
    let orders = app.control().orders().await.unwrap();
    orders
        .iter()
        .filter(|order| order.kind == "TARIFF_CHANGE")
        .count()
}

#[tokio::test]
async fn a_transfer_goes_out_in_calls_of_a_hundred_and_each_sim_moves_once() {
    let app = TestApp::start_with(two_customers(230), &FAST).await;
    app.sync().await;
    let everything = pb::SimFilter::default();

    let (job, results) = app.run_job(transfer(matching(everything))).await;

    assert_eq!((job.status.as_str(), job.done, job.failed), ("completed", 230, 0));
    assert_eq!(outcomes(&results), [("succeeded".to_owned(), 230)]);
    assert_eq!(posts(&app, "/simTransfer").await.len(), 3);
    let owner = app.control().sim(&results[0].iccid).await.unwrap().customer;
    assert_eq!(owner, "990002_other");
}

#[tokio::test]
async fn a_transfer_whose_answer_is_lost_is_settled_by_reading_and_not_repeated() {
    let app = TestApp::start_with(two_customers(5), &FAST).await;
    app.sync().await;
    let iccids = app.iccids().await;
    fault(&app, FaultKind::CutAfterEffect, "/*/sims/simTransfer").await;

    let (job, results) = app.run_job(transfer(named(&iccids[..3]))).await;

    assert_eq!((job.uncertain, job.failed), (0, 0));
    assert_eq!(outcomes(&results), [("succeeded".to_owned(), 3)]);
    assert_eq!(posts(&app, "/simTransfer").await.len(), 1);
}

#[tokio::test]
async fn a_transfer_that_nothing_proves_is_left_to_a_person() {
    let app = TestApp::start_with(two_customers(5), &FAST).await;
    app.sync().await;
    let iccids = app.iccids().await;
    fault(&app, FaultKind::CutBeforeEffect, "/*/sims/simTransfer").await;

    let (job, results) = app.run_job(transfer(named(&iccids[..3]))).await;

    assert_eq!(
        (job.status.as_str(), job.done, job.uncertain),
        ("completed", 3, 3)
    );
    assert!(
        results[0].message.contains("look at the account"),
        "{:?}",
        results[0]
    );
    assert_eq!(posts(&app, "/simTransfer").await.len(), 1);
}

#[tokio::test]
async fn sims_that_cannot_move_are_told_before_anybody_is_asked() {
    let app = TestApp::start_with(two_customers(4), &FAST).await;
    let iccids = expired(&app, 1).await;
    let dry = pb::CreateJobRequest {
        scope: all(),
        job_id: new_id(),
        dry_run: true,
        work: Some(transfer(matching(pb::SimFilter::default()))),
        ..Default::default()
    };
    app.control().reset_calls().await.unwrap();

    let planned = app.create_job(dry).await.unwrap();
    let planned = app.ended(&planned.id).await;
    let (job, results) = app.run_job(transfer(named(&iccids))).await;

    assert_eq!((planned.done, planned.failed), (4, 1));
    assert_eq!((job.failed, results[0].code.as_str()), (1, "CONFLICT"));
    assert_eq!(app.control().stats().await.unwrap().calls, 0);
}

#[tokio::test]
async fn a_transfer_that_no_generation_has_a_path_for_fails_as_that_and_is_not_repeated() {
    let app = TestApp::start_with(quick(3), &FAST).await;
    app.sync().await;
    let iccids = app.iccids().await;

    let (job, results) = app.run_job(transfer(named(&iccids))).await;

    assert_eq!((job.status.as_str(), job.failed), ("failed", 3));
    assert!(
        job.error.starts_with("CAPABILITY_UNAVAILABLE") && job.error.contains("404"),
        "{}",
        job.error
    );
    assert_eq!(results[0].code, "CAPABILITY_UNAVAILABLE");
    let paths: Vec<String> = posts(&app, "/simTransfer")
        .await
        .into_iter()
        .map(|call| call.path)
        .collect();
    assert_eq!(paths.len(), 2, "once in each generation: {paths:?}");
    assert_ne!(paths[0], paths[1]);
}

#[tokio::test]
async fn an_account_that_cannot_transfer_fails_the_whole_job() {
    let app = TestApp::start_with(without_transfers(3), &FAST).await;
    app.sync().await;

    let (job, results) = app.run_job(transfer(matching(pb::SimFilter::default()))).await;

    assert_eq!((job.status.as_str(), job.done, job.failed), ("failed", 3, 3));
    assert!(job.error.starts_with("CAPABILITY_UNAVAILABLE"), "{}", job.error);
    assert!(
        results
            .iter()
            .all(|result| result.code == "CAPABILITY_UNAVAILABLE")
    );
    assert_eq!(posts(&app, "/simTransfer").await.len(), 1, "v2 is tried");
}

#[tokio::test]
async fn a_dry_run_fails_where_the_real_one_would() {
    let app = TestApp::start_with(without_transfers(3), &FAST).await;
    app.sync().await;
    // What v2 lacks is learnt by the first who needs it.
    app.run_job(transfer(matching(pb::SimFilter::default()))).await;
    let dry = pb::CreateJobRequest {
        scope: all(),
        job_id: new_id(),
        dry_run: true,
        work: Some(transfer(matching(pb::SimFilter::default()))),
        ..Default::default()
    };

    let planned = app.create_job(dry).await.unwrap();
    let planned = app.ended(&planned.id).await;

    assert_eq!((planned.status.as_str(), planned.failed), ("failed", 3));
    assert!(
        planned.error.starts_with("CAPABILITY_UNAVAILABLE"),
        "{}",
        planned.error
    );
}

#[tokio::test]
async fn expired_sims_are_extended_with_one_order() {
    let app = TestApp::start_with(quick(4), &FAST).await;
    let iccids = expired(&app, 3).await;

    let (job, results) = app.run_job(extension(&iccids)).await;

    assert_eq!((job.status.as_str(), job.done, job.failed), ("completed", 3, 0));
    assert_eq!(outcomes(&results), [("succeeded".to_owned(), 3)]);
    let sent = posts(&app, "/extension").await;
    assert_eq!(
        (sent.len(), sent[0].query.as_str()),
        (1, "payment_method=creditcard")
    );
    assert_eq!(extensions(&app).await, 1);
}

#[tokio::test]
async fn an_extension_whose_answer_is_lost_is_found_among_the_orders() {
    let app = TestApp::start_with(quick(4), &FAST).await;
    let iccids = expired(&app, 3).await;
    fault(&app, FaultKind::CutAfterEffect, "/*/sims/extension").await;

    let (job, results) = app.run_job(extension(&iccids)).await;

    assert_eq!((job.uncertain, job.failed), (0, 0));
    assert!(results[2].diff_json.contains(r#""order""#), "{:?}", results[2]);
    assert_eq!(
        (posts(&app, "/extension").await.len(), extensions(&app).await),
        (1, 1)
    );
}

#[tokio::test]
async fn an_extension_without_an_order_is_left_to_a_person() {
    let app = TestApp::start_with(quick(4), &FAST).await;
    let iccids = expired(&app, 2).await;
    fault(&app, FaultKind::CutBeforeEffect, "/*/sims/extension").await;

    let (job, _) = app.run_job(extension(&iccids)).await;

    assert_eq!((job.done, job.uncertain), (2, 2));
    assert_eq!(
        (posts(&app, "/extension").await.len(), extensions(&app).await),
        (1, 0)
    );
}

#[tokio::test]
async fn nothing_is_ordered_before_the_orders_can_be_read_and_then_once() {
    let app = TestApp::start_with(quick(4), &FAST).await;
    let iccids = expired(&app, 2).await;
    let unreadable = Fault::new(FaultKind::Status, "/*/orders")
        .method("GET")
        .status(503, FaultBody::Json)
        .times(6);
    app.control().faults_add(&unreadable).await.unwrap();

    let (job, _) = app.run_job(extension(&iccids)).await;

    assert_eq!((job.done, job.failed, job.uncertain), (2, 0, 0));
    assert_eq!(
        (posts(&app, "/extension").await.len(), extensions(&app).await),
        (1, 1)
    );
}

#[tokio::test]
async fn a_process_that_dies_during_a_call_leaves_it_to_be_read_not_repeated() {
    let killed = Killable::start(two_customers(3), &FAST).await;
    let app = killed.app();
    app.sync().await;
    let iccids = app.iccids().await;
    let slow = Fault::new(FaultKind::Delay, "/*/sims/simTransfer").delay_ms(2_000);
    app.control().faults_add(&slow).await.unwrap();
    let job = app.start_job(transfer(named(&iccids[..2]))).await;
    eventually("the call is under way", || async {
        ensure!(!posts(app, "/simTransfer").await.is_empty());
        Ok(())
    })
    .await;

    let app = killed.kill_and_start_another(&FAST).await;
    let ended = app.ended(&job.id).await;

    // What the emulator did with a call whose caller is gone is its own affair: nothing may be claimed that it did not do.
    let moved = app.control().sim(&iccids[0]).await.unwrap().customer == "990002_other";
    assert_eq!((ended.done, ended.failed), (2, 0));
    assert!(ended.uncertain == 2 || moved, "{ended:?}");
    assert_eq!(posts(&app, "/simTransfer").await.len(), 1);
}

#[tokio::test]
async fn a_call_that_certainly_did_nothing_is_made_again() {
    let app = TestApp::start_with(two_customers(3), &FAST).await;
    app.sync().await;
    let iccids = app.iccids().await;
    let full = Fault::new(FaultKind::Throttle, "/*/sims/simTransfer")
        .method("POST")
        .times(6)
        .retry_after(1);
    app.control().faults_add(&full).await.unwrap();

    let (job, _) = app.run_job(transfer(named(&iccids))).await;

    assert_eq!((job.done, job.failed, job.uncertain), (3, 0, 0));
    let accepted = posts(&app, "/simTransfer").await;
    assert_eq!(accepted.iter().filter(|call| call.status == Some(201)).count(), 1);
}
