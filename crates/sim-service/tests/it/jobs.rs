//! Bulk updates: which SIMs, what changes, what is told.

use domain::{OrganizationId, Scope};
use messages::ErrorCode;
use messages::pb::common::Scope as WireScope;
use messages::pb::sim as pb;
use messages::sim_rpc;
use once_emulator::{Fault, FaultBody, FaultKind};
use uuid::Uuid;

use crate::harness::TestApp;
use crate::jobs_support::{all, label, matching, named, new_id, outcomes, tagged, update};

fn organization(number: u128) -> Option<WireScope> {
    Some(Scope::Organization(OrganizationId(Uuid::from_u128(number))).into())
}

#[tokio::test]
async fn named_sims_get_a_label_at_1nce_and_each_tells_what_changed() {
    let app = TestApp::start(4).await;
    app.sync().await;
    let iccids = app.iccids().await;
    let chosen = [iccids[0].clone(), iccids[1].clone(), iccids[0].clone()];

    let (job, results) = app.run_job(update(named(&chosen), label("pump"))).await;

    assert_eq!(
        (job.status.as_str(), job.total, job.done, job.failed),
        ("completed", Some(2), 2, 0)
    );
    assert_eq!(
        (job.created_by.as_str(), job.organization_id.as_str()),
        ("user:u1", "")
    );
    assert_eq!(job.request_json, r#"{"change":{"label":"pump"},"named":2}"#);
    assert_eq!(outcomes(&results), [("succeeded".to_owned(), 2)]);
    let diff: serde_json::Value = serde_json::from_str(&results[0].diff_json).unwrap();
    assert_eq!(diff["label"]["to"], "pump");
    for iccid in &iccids[..2] {
        assert_eq!(
            app.control().sim(iccid).await.unwrap().label.as_deref(),
            Some("pump")
        );
        assert_eq!(
            app.get(iccid, false).await.unwrap().label.as_deref(),
            Some("pump")
        );
    }
    let counted = r#"simward_job_items_total{kind="sims.update",outcome="succeeded"} 2"#;
    assert!(app.shared.metrics.render().contains(counted));
    let events = app.events(4 + 1 + 2 + 1).await;
    let of = |word: &str| events.iter().filter(|(event, _)| event == word).count();
    assert_eq!((of("sim.config_updated"), of("job.completed")), (2, 1));
}

#[tokio::test]
async fn a_filter_takes_the_sims_that_match_when_the_job_begins() {
    let app = TestApp::start(6).await;
    app.sync().await;
    let iccids = app.iccids().await;
    app.run_job(update(named(&iccids[..2]), tagged("roof"))).await;

    let filter = pb::SimFilter {
        tag: "roof".into(),
        ..Default::default()
    };
    let (by_tag, results) = app.run_job(update(matching(filter), label("on a roof"))).await;
    let everything = update(matching(pb::SimFilter::default()), tagged("fleet"));
    let (by_nothing, _) = app.run_job(everything).await;

    assert_eq!((by_tag.total, by_nothing.total), (Some(2), Some(6)));
    let touched: Vec<&str> = results.iter().map(|result| result.iccid.as_str()).collect();
    assert_eq!(touched, [iccids[0].as_str(), iccids[1].as_str()]);
}

#[tokio::test]
async fn what_is_kept_here_changes_without_a_call_and_what_is_so_already_is_unchanged() {
    let app = TestApp::start(700).await;
    app.sync().await;
    let first = app.iccids().await[0].clone();
    app.run_job(update(named(&[first]), tagged("fleet"))).await;
    app.control().reset_calls().await.unwrap();

    let everything = update(matching(pb::SimFilter::default()), tagged("fleet"));
    let (job, results) = app.run_job(everything.clone()).await;
    let (again, _) = app.run_job(everything).await;

    assert_eq!((job.total, job.done, job.unchanged), (Some(700), 700, 1));
    assert_eq!((again.done, again.unchanged), (700, 700));
    assert_eq!(results[1].diff_json, r#"{"tags":{"from":[],"to":["fleet"]}}"#);
    assert_eq!(app.control().stats().await.unwrap().calls, 0);
    assert!(
        app.all()
            .await
            .iter()
            .all(|sim| sim.tags == ["fleet"] && sim.revision == 2)
    );
}

#[tokio::test]
async fn another_organizations_sim_looks_like_one_that_does_not_exist() {
    let app = TestApp::start(3).await;
    app.sync().await;
    let iccids = app.iccids().await;
    let moved = pb::SimChange {
        organization_id: Some(Uuid::from_u128(7).to_string()),
        ..Default::default()
    };
    app.run_job(update(named(&iccids[..1]), moved)).await;
    let unknown = "8988999999999999999".to_owned();

    let work = update(
        named(&[iccids[0].clone(), iccids[1].clone(), unknown]),
        tagged("mine"),
    );
    let request = pb::CreateJobRequest {
        scope: organization(7),
        job_id: new_id(),
        work: Some(work),
        ..Default::default()
    };
    let job = app.create_job(request).await.unwrap();
    let job = app.ended(&job.id).await;
    let results = app.results(&job.id).await;

    assert_eq!(
        (job.failed, job.organization_id),
        (2, Uuid::from_u128(7).to_string())
    );
    assert_eq!(results[0].outcome, "succeeded");
    let told = |result: &pb::JobResult| (result.code.clone(), result.message.clone());
    assert_eq!(told(&results[1]), told(&results[2]));
    assert_eq!(results[1].code, "NOT_FOUND");
    assert!(app.get(&iccids[1], false).await.unwrap().tags.is_empty());
}

#[tokio::test]
async fn a_job_is_seen_by_its_organization_and_the_platform_only() {
    let app = TestApp::start(1).await;
    let request = |number| pb::CreateJobRequest {
        scope: organization(number),
        job_id: new_id(),
        work: Some(update(matching(pb::SimFilter::default()), tagged("x"))),
        ..Default::default()
    };
    let mine = app.create_job(request(7)).await.unwrap();
    let theirs = app.create_job(request(8)).await.unwrap();

    let listed = |scope, cursor: &str| pb::ListJobsRequest {
        scope,
        cursor: cursor.to_owned(),
        page_size: 1,
        ..Default::default()
    };
    let seen = app
        .call::<sim_rpc::ListJobs>(listed(organization(7), ""))
        .await
        .unwrap();
    assert_eq!(
        (seen.jobs[0].id.as_str(), seen.next_cursor.as_str()),
        (mine.id.as_str(), "")
    );
    let first = app.call::<sim_rpc::ListJobs>(listed(all(), "")).await.unwrap();
    assert_eq!(first.jobs[0].id, theirs.id, "the newest first");
    let second = app
        .call::<sim_rpc::ListJobs>(listed(all(), &first.next_cursor))
        .await
        .unwrap();
    assert_eq!(
        (second.jobs[0].id.as_str(), second.next_cursor.as_str()),
        (mine.id.as_str(), "")
    );

    let get = pb::GetJobRequest {
        scope: organization(7),
        job_id: theirs.id.clone(),
    };
    let results = pb::JobResultsRequest {
        scope: organization(7),
        job_id: theirs.id.clone(),
        page_size: 10,
        ..Default::default()
    };
    let control = pb::ControlJobRequest {
        scope: organization(7),
        job_id: theirs.id,
        action: "cancel".into(),
        ..Default::default()
    };
    let refused = [
        app.call::<sim_rpc::GetJob>(get).await.unwrap_err(),
        app.call::<sim_rpc::JobResults>(results).await.unwrap_err(),
        app.call::<sim_rpc::ControlJob>(control).await.unwrap_err(),
    ];
    assert!(
        refused.iter().all(|error| error.code == ErrorCode::NotFound),
        "{refused:?}"
    );
}

#[tokio::test]
async fn the_same_request_makes_one_job_and_another_one_is_a_conflict() {
    let app = TestApp::start(2).await;
    app.sync().await;
    let iccids = app.iccids().await;
    let request = |text: &str| pb::CreateJobRequest {
        scope: all(),
        job_id: Uuid::from_u128(99).to_string(),
        work: Some(update(named(&iccids), label(text))),
        ..Default::default()
    };
    app.create_job(request("one")).await.unwrap();
    let ended = app.ended(&Uuid::from_u128(99).to_string()).await;

    let again = app.create_job(request("one")).await.unwrap();
    let other = app.create_job(request("two")).await.unwrap_err();

    assert_eq!(again, ended);
    assert_eq!(other.code, ErrorCode::Conflict);
    assert_eq!(app.calls_of("PUT").await.len(), 2);
}

#[tokio::test]
async fn a_dry_run_tells_what_would_change_and_asks_nobody() {
    let app = TestApp::start(3).await;
    app.sync().await;
    let iccids = app.iccids().await;
    app.run_job(update(named(&iccids[..1]), label("same"))).await;
    app.control().reset_calls().await.unwrap();

    let mut chosen = iccids[..2].to_vec();
    chosen.push("8988999999999999999".into());
    let request = pb::CreateJobRequest {
        scope: all(),
        job_id: new_id(),
        dry_run: true,
        work: Some(update(named(&chosen), label("same"))),
        ..Default::default()
    };
    let job = app.create_job(request).await.unwrap();
    let job = app.ended(&job.id).await;
    let results = app.results(&job.id).await;

    let words: Vec<&str> = results.iter().map(|result| result.outcome.as_str()).collect();
    assert_eq!(words, ["unchanged", "succeeded", "failed"]);
    assert!(job.dry_run && results[1].diff_json.contains(r#""to":"same""#));
    assert_eq!(app.control().stats().await.unwrap().calls, 0);
    assert_ne!(
        app.get(&iccids[1], false).await.unwrap().label.as_deref(),
        Some("same")
    );
}

#[tokio::test]
async fn a_refusal_fails_its_sim_alone_and_a_failure_that_passes_is_tried_again() {
    let app = TestApp::start_with(crate::harness::quick(3), &[("jobs.retry_ms", "20")]).await;
    app.sync().await;
    let iccids = app.iccids().await;
    let passing = Fault::new(FaultKind::Status, &format!("/*/sims/{}", iccids[0]))
        .method("PUT")
        .status(503, FaultBody::Html)
        .times(6);
    let refusal = Fault::new(FaultKind::Status, &format!("/*/sims/{}", iccids[1]))
        .method("PUT")
        .status(400, FaultBody::Json);
    app.control().faults_add(&passing).await.unwrap();
    app.control().faults_add(&refusal).await.unwrap();

    let (job, results) = app.run_job(update(named(&iccids), label("new"))).await;

    assert_eq!((job.status.as_str(), job.done, job.failed), ("completed", 3, 1));
    assert_eq!(
        (results[0].outcome.as_str(), results[2].outcome.as_str()),
        ("succeeded", "succeeded")
    );
    assert_eq!(results[1].code, "UPSTREAM_ERROR");
    assert!(results[1].message.contains("400"), "{:?}", results[1]);
}

#[tokio::test]
async fn what_was_changed_at_1nce_without_us_is_changed_back_when_our_knowledge_is_old() {
    let app = TestApp::start_with(
        crate::harness::quick(2),
        &[("jobs.unchanged_within_seconds", "0")],
    )
    .await;
    app.sync().await;
    let iccids = app.iccids().await;
    let disabled = pb::SimChange {
        status: Some("Disabled".into()),
        ..Default::default()
    };
    app.run_job(update(named(&iccids), disabled.clone())).await;
    let enabled = once_emulator::SimPatch {
        enabled: Some(true),
        ..Default::default()
    };
    app.control().patch_sim(&iccids[0], &enabled).await.unwrap();
    app.control().reset_calls().await.unwrap();

    let (job, results) = app.run_job(update(named(&iccids), disabled)).await;

    assert_eq!((job.done, job.failed, job.unchanged), (2, 0, 1));
    assert_eq!(
        results[0].diff_json,
        r#"{"status":{"from":"Enabled","to":"Disabled"}}"#
    );
    assert_eq!(results[1].outcome, "unchanged");
    assert!(!app.control().sim(&iccids[0]).await.unwrap().enabled);
    assert_eq!(app.calls_of("PUT").await.len(), 1);
}

#[tokio::test]
async fn a_lock_that_1nce_has_already_is_asked_for_and_not_written_again() {
    let app = TestApp::start_with(
        crate::harness::quick(2),
        &[("jobs.unchanged_within_seconds", "0")],
    )
    .await;
    app.sync().await;
    let iccids = app.iccids().await;
    let locked = pb::SimChange {
        imei_lock: Some(true),
        ..Default::default()
    };
    app.run_job(update(named(&iccids), locked.clone())).await;

    let (job, _) = app.run_job(update(named(&iccids), locked)).await;

    assert_eq!((job.done, job.failed, job.unchanged), (2, 0, 2));
    assert_eq!(app.calls_of("PUT").await.len(), 2);
}
