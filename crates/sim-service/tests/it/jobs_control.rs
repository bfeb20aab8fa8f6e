//! Pausing, cancelling, restarts and a process that dies.

use std::collections::BTreeMap;

use anyhow::ensure;
use messages::ErrorCode;
use messages::pb::sim as pb;
use once_emulator::{Fault, FaultKind};
use test_support::eventually;

use crate::harness::{Killable, TestApp, quick};
use crate::jobs_support::{label, matching, named, outcomes, tagged, update};

/// Each PUT takes a while, so that a job can be met in the middle.
async fn slow_puts(app: &TestApp, ms: u64) {
    let slow = Fault::new(FaultKind::Delay, "/").method("PUT").delay_ms(ms);
    app.control().faults_add(&slow).await.unwrap();
}

async fn in_the_middle(app: &TestApp, id: &str, done: u64) -> pb::Job {
    eventually("some items are done", || async {
        let job = app.job(id).await?;
        ensure!(job.done >= done, "{job:?}");
        Ok(job)
    })
    .await
}

/// The job once nothing is in flight any more.
async fn at_rest(app: &TestApp, id: &str) -> pb::Job {
    eventually("what was in flight ends", || async {
        let before = (app.job(id).await?, app.calls_of("PUT").await.len());
        ensure!(before.0.done as usize == before.1, "{before:?}");
        Ok(before.0)
    })
    .await
}

#[tokio::test]
async fn a_paused_job_begins_nothing_more_also_after_a_restart_and_goes_on_when_told() {
    let mut app = TestApp::start(60).await;
    app.sync().await;
    slow_puts(&app, 100).await;
    let job = app
        .start_job(update(matching(pb::SimFilter::default()), label("new")))
        .await;
    in_the_middle(&app, &job.id, 1).await;

    let paused = app.control_job(&job.id, "pause").await.unwrap();
    let rest = at_rest(&app, &job.id).await;
    app.restart_as_is().await;
    // A job that comes later runs to its end: the paused one would have been taken up before.
    let iccids = app.iccids().await;
    app.run_job(update(named(&iccids[..1]), tagged("later"))).await;

    assert_eq!(
        (paused.status.as_str(), rest.status.as_str()),
        ("paused", "paused")
    );
    assert!(rest.done < 60 && rest.finished_at.is_none(), "{rest:?}");
    assert_eq!(app.job(&job.id).await.unwrap(), rest);
    assert_eq!(
        app.control_job(&job.id, "pause").await.unwrap(),
        rest,
        "paused already"
    );

    let resumed = app.control_job(&job.id, "resume").await.unwrap();
    let ended = app.ended(&job.id).await;
    assert_eq!(resumed.status, "running");
    assert_eq!(
        (ended.status.as_str(), ended.done, ended.failed),
        ("completed", 60, 0)
    );
    assert_eq!(
        app.control_job(&job.id, "cancel").await.unwrap_err().code,
        ErrorCode::Conflict
    );
}

#[tokio::test]
async fn a_cancelled_job_finishes_what_is_in_flight_and_cancels_the_rest() {
    let app = TestApp::start(60).await;
    app.sync().await;
    slow_puts(&app, 100).await;
    let job = app
        .start_job(update(matching(pb::SimFilter::default()), label("new")))
        .await;
    in_the_middle(&app, &job.id, 1).await;

    let cancelled = app.control_job(&job.id, "cancel").await.unwrap();
    let ended = app.ended(&job.id).await;
    let results = app.results(&job.id).await;

    assert_eq!(
        (cancelled.status.as_str(), ended.status.as_str()),
        ("cancelled", "cancelled")
    );
    assert_eq!((ended.total, ended.done), (Some(60), 60));
    let counts: BTreeMap<String, usize> = outcomes(&results).into_iter().collect();
    let changed = app.calls_of("PUT").await.len();
    assert!(changed < 60, "{changed}");
    assert_eq!(
        (counts["succeeded"], counts["cancelled"]),
        (changed, 60 - changed)
    );
    assert_eq!(app.control_job(&job.id, "cancel").await.unwrap(), ended);
    assert_eq!(
        app.control_job(&job.id, "resume").await.unwrap_err().code,
        ErrorCode::Conflict
    );
}

#[tokio::test]
async fn a_small_job_does_not_wait_for_a_large_one() {
    let app = TestApp::start(300).await;
    app.sync().await;
    slow_puts(&app, 50).await;
    let large = app
        .start_job(update(matching(pb::SimFilter::default()), label("large")))
        .await;
    in_the_middle(&app, &large.id, 1).await;
    let iccids = app.iccids().await;

    let (small, _) = app.run_job(update(named(&iccids[290..]), label("small"))).await;

    assert_eq!(small.failed, 0);
    let large = app.job(&large.id).await.unwrap();
    assert!(large.finished_at.is_none() && large.done < 300, "{large:?}");
}

#[tokio::test]
async fn another_process_continues_what_a_killed_one_has_left_and_repeats_nothing() {
    let settings = [("jobs.lease_seconds", "1")];
    let killed = Killable::start(quick(80), &settings).await;
    let app = killed.app();
    app.sync().await;
    slow_puts(app, 60).await;
    let job = app
        .start_job(update(matching(pb::SimFilter::default()), label("new")))
        .await;
    let middle = in_the_middle(app, &job.id, 10).await;
    assert!(middle.done < 80, "{middle:?}");

    let app = killed.kill_and_start_another(&settings).await;
    let ended = app.ended(&job.id).await;

    assert_eq!(
        (ended.status.as_str(), ended.done, ended.failed),
        ("completed", 80, 0)
    );
    for sim in app.control().sims().await.unwrap() {
        assert_eq!(sim.label.as_deref(), Some("new"));
    }
    let mut puts: BTreeMap<String, usize> = BTreeMap::new();
    for call in app.calls_of("PUT").await {
        *puts.entry(call.path).or_default() += 1;
    }
    assert_eq!(puts.len(), 80);
    assert!(puts.values().all(|count| *count == 1), "{puts:?}");
    let events = app.events(80 + 1 + 80 + 1).await;
    let ends = events.iter().filter(|(event, _)| event == "job.completed");
    assert_eq!(ends.count(), 1);
}
