//! Calls that nobody answered: settled by reading, before anything ends.

use anyhow::ensure;
use messages::pb::sim as pb;
use once_emulator::{Fault, FaultBody, FaultKind};
use test_support::eventually;

use crate::harness::{Killable, TestApp, quick};
use crate::jobs_actions::{FAST, expired, extension, extensions, posts, transfer, two_customers};
use crate::jobs_support::{matching, named, outcomes};

async fn gone(app: &TestApp, path: &str) {
    let gone = Fault::new(FaultKind::Status, path).status(410, FaultBody::Json);
    app.control().faults_add(&gone).await.unwrap();
}

/// 130 expired SIMs, so two calls: the answer to the first is lost, and the second finds no path.
async fn one_answer_is_lost_before_the_path_is_gone(how: FaultKind) -> (TestApp, Vec<String>) {
    let app = TestApp::start_with(quick(130), &FAST).await;
    let iccids = expired(&app, 130).await;
    let lost = Fault::new(how, "/*/sims/extension").method("POST").times(1);
    app.control().faults_add(&lost).await.unwrap();
    gone(&app, "/*/sims/extension").await;
    gone(&app, "/v1/sims$").await;
    (app, iccids)
}

#[tokio::test]
async fn a_job_that_fails_begins_nothing_more_and_ends_when_its_calls_are_settled() {
    let (app, iccids) = one_answer_is_lost_before_the_path_is_gone(FaultKind::CutAfterEffect).await;

    let (job, results) = app.run_job(extension(&iccids)).await;

    assert_eq!(
        (job.status.as_str(), job.done, job.failed, job.uncertain),
        ("failed", 130, 30, 0)
    );
    assert!(job.error.starts_with("CAPABILITY_UNAVAILABLE"), "{}", job.error);
    assert_eq!(
        outcomes(&results),
        [("failed".to_owned(), 30), ("succeeded".to_owned(), 100)]
    );
    assert!(results[0].diff_json.contains(r#""order""#), "{:?}", results[0]);
    assert_eq!(extensions(&app).await, 1);
}

#[tokio::test]
async fn a_failed_job_whose_call_nothing_proves_leaves_it_to_a_person_with_what_is_known() {
    let (app, iccids) = one_answer_is_lost_before_the_path_is_gone(FaultKind::CutBeforeEffect).await;

    let (job, results) = app.run_job(extension(&iccids)).await;

    assert_eq!(
        (job.status.as_str(), job.failed, job.uncertain),
        ("failed", 30, 100)
    );
    let told = &results[0].message;
    assert!(told.contains("5 readings until"), "{told}");
    assert!(told.contains("the newest order before it was"), "{told}");
}

#[tokio::test]
async fn readings_that_fail_do_not_count_and_the_job_says_what_it_waits_for() {
    let settings = [("jobs.retry_ms", "1000"), FAST[1]];
    let app = TestApp::start_with(two_customers(3), &settings).await;
    app.sync().await;
    let iccids = app.iccids().await;
    let lost = Fault::new(FaultKind::CutAfterEffect, "/*/sims/simTransfer")
        .method("POST")
        .times(1);
    app.control().faults_add(&lost).await.unwrap();
    let away = Fault::new(FaultKind::Status, "/*/sims/8")
        .method("GET")
        .status(503, FaultBody::Html);
    let away = app.control().faults_add(&away).await.unwrap();
    let job = app.start_job(transfer(named(&iccids[..2]))).await;
    eventually("the call is made", || async {
        ensure!(!posts(&app, "/simTransfer").await.is_empty());
        Ok(())
    })
    .await;
    // One more reading that shows nothing would leave the call to a person.
    app.sql("UPDATE sim.job_items SET attempts = 4").await;

    let waiting = eventually("the job waits", || async {
        let job = app.job(&job.id).await?;
        ensure!(!job.waiting.is_empty(), "{job:?}");
        Ok(job)
    })
    .await;
    app.control().faults_remove(away).await.unwrap();
    let ended = app.ended(&job.id).await;

    assert!(
        waiting.waiting.starts_with("waits for 1NCE since 2"),
        "{waiting:?}"
    );
    assert!(waiting.waiting.contains("UPSTREAM_ERROR: 1NCE"), "{waiting:?}");
    assert_eq!((ended.done, ended.uncertain, ended.waiting.as_str()), (2, 0, ""));
    assert_eq!(posts(&app, "/simTransfer").await.len(), 1);
    let counted = r#"simward_job_call_readings_failed_total{kind="sims.transfer"}"#;
    assert!(app.shared.metrics.render().contains(counted));
}

#[tokio::test]
async fn an_order_that_another_call_has_made_proves_nothing() {
    let app = TestApp::start_with(quick(4), &FAST).await;
    let iccids = expired(&app, 2).await;
    for kind in [
        Fault::new(FaultKind::Delay, "/*/sims/extension").delay_ms(2_000),
        Fault::new(FaultKind::CutBeforeEffect, "/*/sims/extension"),
    ] {
        let fault = kind.method("POST").times(1);
        app.control().faults_add(&fault).await.unwrap();
    }
    let lost = app.start_job(extension(&iccids)).await;
    eventually("the first call is under way", || async {
        ensure!(!posts(&app, "/extension").await.is_empty());
        Ok(())
    })
    .await;

    let (accepted, _) = app.run_job(extension(&iccids)).await;
    let lost = app.ended(&lost.id).await;

    assert_eq!((accepted.done, accepted.uncertain), (2, 0));
    assert_eq!(
        (lost.done, lost.uncertain),
        (2, 2),
        "one order is no proof of two calls"
    );
    assert_eq!(extensions(&app).await, 1);
}

#[tokio::test]
async fn a_sim_that_1nce_refuses_costs_only_itself_and_no_sim_is_called_twice_in_one_group() {
    let app = TestApp::start_with(two_customers(40), &FAST).await;
    app.sync().await;
    let iccids = app.iccids().await;
    for culprit in [&iccids[7], &iccids[29]] {
        app.control().remove_sim(culprit).await.unwrap();
    }

    let (job, results) = app.run_job(transfer(matching(pb::SimFilter::default()))).await;

    assert_eq!((job.status.as_str(), job.done, job.failed), ("completed", 40, 2));
    for (place, result) in results.iter().enumerate() {
        let expected = if [7, 29].contains(&place) {
            "failed"
        } else {
            "succeeded"
        };
        assert_eq!(result.outcome, expected, "{result:?}");
    }
    let calls = posts(&app, "/simTransfer").await;
    assert!(calls.len() < 30, "{}", calls.len());
    let owner = app.control().sim(&iccids[8]).await.unwrap().customer;
    assert_eq!(owner, "990002_other");
}

#[tokio::test]
async fn what_1nce_refuses_for_every_sim_is_not_asked_for_each() {
    let app = TestApp::start_with(quick(120), &FAST).await;
    app.sync().await;

    // Nobody is the target.
    let (job, _) = app.run_job(transfer(matching(pb::SimFilter::default()))).await;

    assert_eq!((job.status.as_str(), job.failed), ("failed", 120));
    let calls = posts(&app, "/simTransfer").await;
    assert!(calls.len() < 70, "{}", calls.len());
}

#[tokio::test]
async fn a_call_of_a_job_that_nobody_can_read_any_more_is_told_to_a_person() {
    let app = TestApp::start_with(quick(2), &FAST).await;
    app.sql(
        "INSERT INTO sim.jobs (id, kind, status, dry_run, created_by, work, digest, total, started_at)
         VALUES ('00000000-0000-0000-0000-000000000007', 'sims.extension', 'running', false, 'user:u1',
                 '{\"kind\": \"of another version\"}', '', 2, now());
         INSERT INTO sim.job_calls (id, job_id, account, called_at)
         VALUES ('00000000-0000-0000-0000-000000000008', '00000000-0000-0000-0000-000000000007', 'main',
                 '2026-07-15T12:00:00Z');
         INSERT INTO sim.job_items (job_id, seq, iccid, outcome, call_id) VALUES
             ('00000000-0000-0000-0000-000000000007', 1, 8988999000000000017, 'calling',
              '00000000-0000-0000-0000-000000000008'),
             ('00000000-0000-0000-0000-000000000007', 2, 8988999000000000025, 'pending', NULL)",
    )
    .await;

    let id = uuid::Uuid::from_u128(7).to_string();
    let job = app.ended(&id).await;
    let results = app.results(&id).await;

    assert_eq!(
        (job.status.as_str(), job.done, job.failed, job.uncertain),
        ("failed", 2, 1, 1)
    );
    assert!(
        results[0]
            .message
            .starts_with("1NCE was asked at 2026-07-15T12:00:00Z"),
        "{:?}",
        results[0]
    );
}

#[tokio::test]
async fn wherever_a_process_is_killed_an_extension_is_ordered_once_and_never_forgotten() {
    for lived_ms in [20, 90, 160, 240, 330] {
        let killed = Killable::start(quick(3), &FAST).await;
        let app = killed.app();
        let iccids = expired(app, 2).await;
        // So that the calls of the job are spread over the time in which it is killed.
        let slow = Fault::new(FaultKind::Delay, "/").delay_ms(80);
        app.control().faults_add(&slow).await.unwrap();
        let job = app.start_job(extension(&iccids)).await;
        tokio::time::sleep(std::time::Duration::from_millis(lived_ms)).await;

        let app = killed.kill_and_start_another(&FAST).await;
        let ended = app.ended(&job.id).await;

        let (sent, orders) = (posts(&app, "/extension").await.len(), extensions(&app).await);
        assert_eq!(
            (ended.status.as_str(), ended.done, ended.failed),
            ("completed", 2, 0)
        );
        assert!(sent <= 1, "{sent} calls after {lived_ms} ms");
        // What nobody could read is told to a person; nothing is claimed that was not ordered.
        assert!(
            ended.uncertain == 2 || orders == 1,
            "after {lived_ms} ms: {ended:?}"
        );
    }
}
