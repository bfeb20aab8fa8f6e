//! The ends of jobs in the audit log.

use chrono::Utc;
use domain::OrganizationId;
use gateway::Permission;
use messages::pb::sim::{Job, JobCompleted, JobResult};
use messages::{EventEnvelope, EventType};
use prost::Message;
use service_runtime::bus::Publication;
use sqlx::Row;
use uuid::Uuid;

use crate::harness::{App, World, until};

fn iccid(number: usize) -> String {
    format!("8988999{number:012}")
}

/// A job of the default organization that a user made, with so many SIMs of each outcome in turn.
fn job(world: &World, outcomes: &[(&str, usize)]) -> JobCompleted {
    let event = JobCompleted {
        job_id: Uuid::now_v7().to_string(),
        kind: "sims.update".into(),
        status: "completed".into(),
        created_by: "user:ada".into(),
        organization_id: OrganizationId::DEFAULT.to_string(),
        ..JobCompleted::default()
    };
    let words = outcomes.iter().flat_map(|(word, sims)| vec![*word; *sims]);
    let results = words.enumerate().map(|(number, outcome)| JobResult {
        iccid: iccid(number),
        outcome: outcome.to_owned(),
        ..JobResult::default()
    });
    let job = Job {
        id: event.job_id.clone(),
        ..Job::default()
    };
    let mut jobs = world.sims.jobs();
    jobs.jobs.insert(event.job_id.clone(), job);
    jobs.results_of.insert(event.job_id.clone(), results.collect());
    event
}

/// Announces the end of a job, each time anew.
async fn announce(world: &World, event: &JobCompleted) {
    let envelope = EventEnvelope {
        id: Uuid::now_v7(),
        event: EventType::JobCompleted,
        source: "test",
        time: Utc::now(),
        iccid: None,
        organization: None,
    };
    let publication = Publication {
        subject: world.bus.subjects().event(envelope.event, None),
        id: envelope.id.to_string(),
        headers: envelope.headers(),
        payload: event.encode_to_vec().into(),
    };
    world.bus.declare_streams().await.unwrap();
    world.bus.store_all("an event", vec![publication]).await.unwrap();
}

/// Waits for so many rows of the job: action, details and number of SIMs, in their order.
async fn rows(world: &World, job: &str, count: usize) -> Vec<(String, String, i32)> {
    let mut found = Vec::new();
    until("rows of the job", async || {
        found = sqlx::query(
            "SELECT action, details->>'outcome', coalesce(array_length(subjects, 1), 0) FROM audit_log \
             WHERE subject = $1 ORDER BY seq",
        )
        .bind(job)
        .fetch_all(world.db.pool())
        .await
        .unwrap()
        .iter()
        .map(|row| (row.get(0), row.get(1), row.get(2)))
        .collect();
        if found.len() >= count {
            Ok(())
        } else {
            Err(found.clone())
        }
    })
    .await;
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn who_changed_a_sim_by_a_job_is_found_by_its_iccid() {
    let app = App::start().await;
    let key = app
        .world
        .key_for(&[Permission::ReadAudit], Some(OrganizationId::DEFAULT))
        .await;
    let outcomes = [
        ("succeeded", 2),
        ("uncertain", 1),
        ("unchanged", 1),
        ("failed", 1),
        ("cancelled", 1),
    ];
    let event = job(&app.world, &outcomes);

    announce(&app.world, &event).await;
    rows(&app.world, &event.job_id, 2).await;

    for (number, found) in [
        (0, "succeeded"),
        (1, "succeeded"),
        (2, "uncertain"),
        (3, ""),
        (4, ""),
        (5, ""),
    ] {
        let path = format!("/api/v1/audit-log?iccid={}", iccid(number));
        let body = app.gateway.get(&path, &key).await.expect(200).body;
        let row = &body["data"][0];
        if found.is_empty() {
            assert!(row.is_null(), "{number}: {row}");
            continue;
        }
        assert_eq!(row["action"], "sims.update.done");
        assert_eq!(row["subject"], event.job_id);
        assert_eq!(
            (&row["actor"]["kind"], &row["actor"]["id"]),
            (&"user".into(), &"ada".into())
        );
        assert_eq!(row["organization_id"], OrganizationId::DEFAULT.to_string());
        assert_eq!(row["details"]["outcome"], found);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_job_has_a_row_for_each_thousand_whatever_the_size_of_the_pages() {
    let app = App::start().await;
    let event = job(&app.world, &[("succeeded", 2300), ("uncertain", 1000)]);
    app.world.sims.jobs().answer_limit = Some(300);

    announce(&app.world, &event).await;

    let done = |outcome: &str, sims| ("sims.update.done".to_owned(), outcome.to_owned(), sims);
    assert_eq!(
        rows(&app.world, &event.job_id, 4).await,
        [
            done("succeeded", 1000),
            done("succeeded", 1000),
            done("succeeded", 300),
            done("uncertain", 1000)
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_is_announced_again_is_written_once_and_the_chain_holds() {
    let app = App::start().await;
    let first = job(&app.world, &[("succeeded", 1500)]);
    announce(&app.world, &first).await;
    rows(&app.world, &first.job_id, 2).await;

    announce(&app.world, &first).await;
    let marker = job(&app.world, &[("succeeded", 1)]);
    announce(&app.world, &marker).await;
    rows(&app.world, &marker.job_id, 1).await;

    assert_eq!(rows(&app.world, &first.job_id, 2).await.len(), 2);
    let report = gateway::audit::verify(&app.world.db, None).await.unwrap();
    assert_eq!((report.checked, report.first_bad_seq), (3, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_and_a_job_that_nobody_knows_leave_nothing() {
    let app = App::start().await;
    let mut dry = job(&app.world, &[("succeeded", 1)]);
    dry.dry_run = true;
    let mut unknown = dry.clone();
    unknown.dry_run = false;
    unknown.job_id = Uuid::now_v7().to_string();
    announce(&app.world, &dry).await;
    announce(&app.world, &unknown).await;
    let marker = job(&app.world, &[("uncertain", 1)]);
    announce(&app.world, &marker).await;

    rows(&app.world, &marker.job_id, 1).await;

    let all: i64 = sqlx::query_scalar("SELECT count(*) FROM audit_log")
        .fetch_one(app.world.db.pool())
        .await
        .unwrap();
    assert_eq!(all, 1);
}
