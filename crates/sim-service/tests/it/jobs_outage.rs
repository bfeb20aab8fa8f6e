//! 1NCE cannot be used: jobs wait and say why, and no SIM pays for it.

use anyhow::ensure;
use messages::pb::sim as pb;
use once_emulator::{Fault, FaultBody, FaultKind};
use test_support::eventually;

use crate::harness::{TestApp, quick};
use crate::jobs_support::{label, matching, update};

const FAST: [(&str, &str); 1] = [("jobs.retry_ms", "20")];

async fn waiting(app: &TestApp, id: &str) -> pb::Job {
    eventually("the job waits", || async {
        let job = app.job(id).await?;
        ensure!(!job.waiting.is_empty() || job.failed > 0, "{job:?}");
        Ok(job)
    })
    .await
}

#[tokio::test]
async fn an_outage_costs_no_sim_an_attempt_and_is_told_on_the_job() {
    let app = TestApp::start_with(quick(30), &FAST).await;
    app.sync().await;
    let down = app
        .control()
        .faults_add(&Fault::new(FaultKind::Down, "/"))
        .await
        .unwrap();

    let job = app
        .start_job(update(matching(pb::SimFilter::default()), label("new")))
        .await;
    let told = waiting(&app, &job.id).await;
    app.sql("DO $$ BEGIN ASSERT (SELECT max(attempts) FROM sim.job_items) = 0; END $$")
        .await;
    app.control().faults_remove(down).await.unwrap();
    let ended = app.ended(&job.id).await;

    assert_eq!((told.status.as_str(), told.failed), ("running", 0), "{told:?}");
    assert!(
        told.waiting.contains(": UPSTREAM_ERROR: 1NCE"),
        "{}",
        told.waiting
    );
    assert_eq!(
        (
            ended.status.as_str(),
            ended.done,
            ended.failed,
            ended.waiting.as_str()
        ),
        ("completed", 30, 0, "")
    );
}

#[tokio::test]
async fn a_refused_login_fails_no_sim_and_is_told_as_what_it_is() {
    let app = TestApp::start_with(quick(30), &FAST).await;
    app.sync().await;
    let refused = Fault::new(FaultKind::Status, "/*/sims").status(401, FaultBody::Json);
    let refused = app.control().faults_add(&refused).await.unwrap();

    let job = app
        .start_job(update(matching(pb::SimFilter::default()), label("new")))
        .await;
    let told = waiting(&app, &job.id).await;
    app.control().faults_remove(refused).await.unwrap();
    let ended = app.ended(&job.id).await;

    assert!(told.waiting.contains("refused a fresh token"), "{told:?}");
    assert_eq!((ended.done, ended.failed), (30, 0));
}

#[tokio::test]
async fn a_sim_that_1nce_always_fails_for_is_given_up_alone() {
    let app = TestApp::start_with(quick(12), &FAST).await;
    app.sync().await;
    let iccids = app.iccids().await;
    let broken = Fault::new(FaultKind::Status, &format!("/*/sims/{}", iccids[3]))
        .method("PUT")
        .status(500, FaultBody::Json);
    app.control().faults_add(&broken).await.unwrap();

    let (job, results) = app
        .run_job(update(matching(pb::SimFilter::default()), label("new")))
        .await;

    assert_eq!((job.status.as_str(), job.done, job.failed), ("completed", 12, 1));
    assert_eq!(results[3].code, "UPSTREAM_ERROR");
    assert_eq!(results[3].message, "1NCE fails");
}
