//! Imports: lines come first, then the work.

use messages::ErrorCode;
use messages::pb::sim as pb;
use messages::pb::sim::create_job_request::Work;
use messages::sim_rpc;
use service_runtime::bus::RpcError;

use crate::harness::TestApp;
use crate::jobs_support::{all, label, named, new_id, outcomes, tagged, update};

async fn begin(app: &TestApp) -> String {
    let source = "pumps.csv".to_owned();
    let job = app.start_job(Work::Import(pb::ImportWork { source })).await;
    assert_eq!(
        (job.status.as_str(), job.total, job.request_json.as_str()),
        ("uploading", None, r#"{"source":"pumps.csv"}"#)
    );
    job.id
}

fn line(number: u32, iccid: &str, change: pb::SimChange) -> pb::ImportLine {
    pb::ImportLine {
        line: number,
        iccid: iccid.to_owned(),
        change: Some(change),
        error: String::new(),
    }
}

async fn add(app: &TestApp, id: &str, lines: Vec<pb::ImportLine>) -> Result<u64, RpcError> {
    let request = pb::AddJobItemsRequest {
        scope: all(),
        job_id: id.to_owned(),
        lines,
    };
    app.call::<sim_rpc::AddJobItems>(request)
        .await
        .map(|answer| answer.items)
}

async fn submit(app: &TestApp, id: &str, items: u64) -> Result<pb::Job, RpcError> {
    let request = pb::SubmitJobRequest {
        scope: all(),
        job_id: id.to_owned(),
        items,
    };
    app.call::<sim_rpc::SubmitJob>(request)
        .await
        .map(|answer| answer.job.expect("a job"))
}

/// An import of seven lines of which each is another case.
async fn mixed_lines(app: &TestApp) -> Vec<pb::ImportLine> {
    let sims = app.all().await;
    let same = sims[1].label.clone().unwrap_or_default();
    let broken = pb::ImportLine {
        error: "the column label is missing".into(),
        ..line(3, "pump 7", pb::SimChange::default())
    };
    let expired = pb::SimChange {
        status: Some("Expired".into()),
        ..Default::default()
    };
    vec![
        line(1, &sims[0].iccid, label("north")),
        line(2, &sims[1].iccid, label(&same)),
        broken,
        line(4, "pump 8", label("south")),
        line(5, &sims[0].iccid, tagged("late")),
        line(6, &sims[2].iccid, expired),
        line(7, &sims[3].iccid, tagged("roof")),
    ]
}

#[tokio::test]
async fn each_line_has_its_own_change_and_bad_lines_cost_only_themselves() {
    let app = TestApp::start(4).await;
    app.sync().await;
    let lines = mixed_lines(&app).await;
    let id = begin(&app).await;
    add(&app, &id, lines.clone()).await.unwrap();

    let submitted = submit(&app, &id, 7).await.unwrap();
    let job = app.ended(&id).await;
    let results = app.results(&id).await;

    assert_eq!((submitted.total, submitted.failed), (Some(7), 4));
    let counts = (job.done, job.failed, job.unchanged);
    assert_eq!((job.status.as_str(), counts), ("completed", (7, 4, 1)));
    let words: Vec<&str> = results.iter().map(|result| result.outcome.as_str()).collect();
    let (good, bad) = ("succeeded", "failed");
    assert_eq!(words, [good, "unchanged", bad, bad, bad, bad, good]);
    assert!((1..).zip(&results).all(|(line, result)| result.line == line));
    let third = (results[2].iccid.as_str(), results[2].message.as_str());
    assert_eq!(third, ("pump 7", "the column label is missing"));
    assert_eq!(results[4].message, "line 1 names the same SIM");
    let codes = results[2..6].iter().map(|result| result.code.as_str());
    assert!(codes.into_iter().all(|code| code == "VALIDATION_ERROR"));
    assert!(app.get(&lines[0].iccid, false).await.unwrap().tags.is_empty());
    let puts = app.calls_of("PUT").await.len();
    assert_eq!(puts, 1, "only the new label reaches 1NCE");
}

#[tokio::test]
async fn a_line_is_stored_once_and_the_work_begins_once_when_all_are_there() {
    let app = TestApp::start(4).await;
    app.sync().await;
    let lines = mixed_lines(&app).await;
    let (first, second) = (lines[..3].to_vec(), lines[3..].to_vec());
    let id = begin(&app).await;

    assert_eq!(add(&app, &id, first.clone()).await.unwrap(), 3);
    assert_eq!(add(&app, &id, first).await.unwrap(), 3);
    assert_eq!(add(&app, &id, second.clone()).await.unwrap(), 7);
    let early = submit(&app, &id, 6).await.unwrap_err();
    submit(&app, &id, 7).await.unwrap();
    let job = app.ended(&id).await;

    assert_eq!(early.code, ErrorCode::Conflict);
    assert_eq!(submit(&app, &id, 7).await.unwrap(), job, "submitted before");
    let late = add(&app, &id, second).await.unwrap_err();
    assert_eq!(late.code, ErrorCode::Conflict);
}

#[tokio::test]
async fn an_upload_that_nobody_ends_is_cancelled_after_an_hour_with_all_its_lines() {
    let app = TestApp::start(1).await;
    app.sync().await;
    let id = begin(&app).await;
    let iccid = app.iccids().await.remove(0);
    let lines = vec![line(1, &iccid, tagged("x")), line(2, "pump", tagged("x"))];
    add(&app, &id, lines).await.unwrap();
    assert_eq!(app.job(&id).await.unwrap().status, "uploading");

    app.sql("UPDATE jobs SET uploaded_at = now() - interval '61 minutes'")
        .await;
    let job = app.ended(&id).await;

    assert_eq!(
        (job.status.as_str(), job.total, job.done, job.failed),
        ("cancelled", Some(2), 2, 1)
    );
    assert_eq!(
        outcomes(&app.results(&id).await),
        [("cancelled".to_owned(), 1), ("failed".to_owned(), 1)]
    );
    assert_eq!(submit(&app, &id, 2).await.unwrap_err().code, ErrorCode::Conflict);
}

#[tokio::test]
async fn a_change_of_tenant_in_a_line_of_one_organization_is_refused() {
    let app = TestApp::start(1).await;
    app.sync().await;
    let iccid = app.iccids().await.remove(0);
    let scope = Some(domain::Scope::Organization(domain::OrganizationId::DEFAULT).into());
    let request = pb::CreateJobRequest {
        scope: scope.clone(),
        job_id: new_id(),
        work: Some(Work::Import(pb::ImportWork::default())),
        ..Default::default()
    };
    let id = app.create_job(request).await.unwrap().id;
    let moved = pb::SimChange {
        organization_id: Some(uuid::Uuid::from_u128(7).to_string()),
        ..Default::default()
    };
    let lines = pb::AddJobItemsRequest {
        scope,
        job_id: id.clone(),
        lines: vec![line(1, &iccid, moved)],
    };
    app.call::<sim_rpc::AddJobItems>(lines).await.unwrap();
    submit(&app, &id, 1).await.unwrap();

    let results = {
        app.ended(&id).await;
        app.results(&id).await
    };
    assert_eq!(results[0].code, "VALIDATION_ERROR");
    assert!(
        results[0].message.starts_with("organization_id"),
        "{:?}",
        results[0]
    );
}

#[tokio::test]
async fn a_job_is_forgotten_90_days_after_its_end() {
    let mut app = TestApp::start(1).await;
    app.sync().await;
    let iccids = app.iccids().await;
    let (old, _) = app.run_job(update(named(&iccids), tagged("old"))).await;
    let (new, _) = app.run_job(update(named(&iccids), tagged("new"))).await;
    app.sql("UPDATE jobs SET finished_at = finished_at - make_interval(days => CASE WHEN work::text LIKE '%old%' THEN 91 ELSE 89 END)")
        .await;

    app.restart_as_is().await;
    test_support::eventually("the old job is forgotten", || async {
        anyhow::ensure!(app.job(&old.id).await.is_err());
        Ok(())
    })
    .await;

    assert_eq!(app.results(&new.id).await.len(), 1);
}
