use gateway::Permission;
use messages::ErrorCode;
use messages::pb::sim as pb;
use serde_json::json;
use service_runtime::bus::RpcError;
use uuid::Uuid;

use crate::bulk::audited;
use crate::harness::{App, ICCID, send};

async fn app() -> (App, String) {
    let app = App::start().await;
    let key = app
        .world
        .key_for(&[Permission::ReadSims, Permission::WriteSims], None)
        .await;
    (app, key)
}

/// A job that exists, of this organization.
fn put_job(app: &App, organization: &str) -> String {
    let id = Uuid::now_v7().to_string();
    let job = pb::Job {
        id: id.clone(),
        kind: "sims.import".into(),
        status: "running".into(),
        total: Some(7),
        done: 5,
        failed: 1,
        unchanged: 2,
        uncertain: 1,
        created_by: "api_key:x".into(),
        organization_id: organization.into(),
        created_at: Some(messages::Timestamp {
            seconds: 1_750_000_000,
            nanos: 0,
        }),
        request_json: r#"{"source":"fleet.csv"}"#.into(),
        ..pb::Job::default()
    };
    app.world.sims.jobs().jobs.insert(id.clone(), job);
    id
}

fn result(line: u32, outcome: &str) -> pb::JobResult {
    pb::JobResult {
        iccid: ICCID.into(),
        line,
        outcome: outcome.into(),
        ..pb::JobResult::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_shows_how_it_stands_and_its_first_results() {
    let (app, key) = app().await;
    let id = put_job(&app, "");
    let mut failed = result(2, "failed");
    (failed.code, failed.message) = ("VALIDATION_ERROR".into(), "label is too long".into());
    let mut changed = result(1, "succeeded");
    changed.diff_json = r#"{"label":{"from":"a","to":"b"}}"#.into();
    app.world.sims.jobs().results = vec![changed, failed];

    let answer = app
        .gateway
        .get(&format!("/api/v1/jobs/{id}"), &key)
        .await
        .expect(200);

    let expected = json!({
        "job_id": id, "kind": "sims.import", "status": "running", "dry_run": false, "total": 7, "done": 5, "failed": 1,
        "unchanged": 2, "uncertain": 1, "created_by": "api_key:x", "organization_id": null,
        "created_at": "2025-06-15T15:06:40Z", "started_at": null, "finished_at": null, "error": null,
        "waiting": null, "request": { "source": "fleet.csv" }, "status_url": format!("/api/v1/jobs/{id}"),
        "results": [
            {
                "iccid": ICCID, "line": 1, "outcome": "succeeded", "code": null, "message": null,
                "diff": { "label": { "from": "a", "to": "b" } }, "finished_at": null,
            },
            {
                "iccid": ICCID, "line": 2, "outcome": "failed", "code": "VALIDATION_ERROR",
                "message": "label is too long", "diff": null, "finished_at": null,
            },
        ],
    });
    assert_eq!(answer.body["data"], expected);
    assert_eq!(app.world.sims.jobs().asked_results[0].page_size, 100);
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_of_jobs_and_results_pass_their_filters_on() {
    let (app, key) = app().await;
    let id = put_job(&app, "");
    let path = "/api/v1/jobs?status=running&kind=sims.import&cursor=c&page_size=10";
    let answer = app.gateway.get(path, &key).await.expect(200);
    assert_eq!(answer.body["data"][0]["job_id"], id.as_str());
    let expected = json!({ "page_size": 10, "has_next": true, "next_cursor": "more" });
    assert_eq!(answer.body["pagination"], expected);
    let asked = app.world.sims.jobs().lists.pop().unwrap();
    assert_eq!(
        (
            asked.status.as_str(),
            asked.kind.as_str(),
            asked.cursor.as_str(),
            asked.page_size
        ),
        ("running", "sims.import", "c", 10)
    );

    app.world.sims.jobs().results = vec![result(1, "failed"); 3];
    let path = format!("/api/v1/jobs/{id}/results?outcome=failed&cursor=d&page_size=1000");
    let answer = app.gateway.get(&path, &key).await.expect(200);
    assert_eq!(answer.body["data"].as_array().unwrap().len(), 3);
    assert_eq!(answer.body["pagination"]["has_next"], false);
    let asked = app.world.sims.jobs().asked_results.pop().unwrap();
    assert_eq!(
        (
            asked.job_id,
            asked.outcome.as_str(),
            asked.cursor.as_str(),
            asked.page_size
        ),
        (id.clone(), "failed", "d", 1000)
    );

    let bad = "/api/v1/jobs?status=done&kind=update&page_size=101&colour=red";
    let answer = app.gateway.get(bad, &key).await.expect(422);
    assert_eq!(
        answer.body["error"]["details"]["fields"]
            .as_array()
            .unwrap()
            .len(),
        4
    );
    let bad = format!("/api/v1/jobs/{id}x/results?outcome=ok&page_size=1001");
    let answer = app.gateway.get(&bad, &key).await.expect(422);
    assert_eq!(
        answer.body["error"]["details"]["fields"]
            .as_array()
            .unwrap()
            .len(),
        3
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_paused_resumed_and_cancelled_and_each_is_written_down() {
    let (app, key) = app().await;
    let id = put_job(&app, "");
    let cases = [
        ("POST", format!("/api/v1/jobs/{id}/pause"), "paused"),
        ("POST", format!("/api/v1/jobs/{id}/resume"), "running"),
        ("DELETE", format!("/api/v1/jobs/{id}"), "cancelled"),
    ];
    for (method, path, status) in &cases {
        let request = app.gateway.request(method, path).header("X-API-Key", &key);
        let answer = send(request).await.expect(200);
        assert_eq!(answer.body["data"]["status"], *status);
    }
    let controls: Vec<String> = app
        .world
        .sims
        .jobs()
        .controls
        .iter()
        .map(|c| c.action.clone())
        .collect();
    assert_eq!(controls, ["pause", "resume", "cancel"]);
    let rows = audited(&app).await;
    let actions: Vec<&str> = rows.iter().map(|(action, _, _)| action.as_str()).collect();
    assert_eq!(actions, ["job.pause", "job.resume", "job.cancel"]);
    assert!(rows.iter().all(|(_, subject, _)| *subject == id));

    let ended = RpcError::new(ErrorCode::Conflict, "the job has ended");
    app.world.sims.jobs().error = Some(ended);
    let answer = app.gateway.post(&cases[0].1, &key, json!({})).await.expect(409);
    assert_eq!(answer.code(), "CONFLICT");
    let answer = app.gateway.post(&cases[0].1, &key, json!({ "now": true })).await;
    assert_eq!(
        answer.expect(422).body["error"]["details"]["fields"][0]["field"],
        "now"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn another_organizations_job_does_not_exist() {
    let (app, _) = app().await;
    let own = app.world.organization().await;
    let tenant = app
        .world
        .key_for(&[Permission::ReadSims, Permission::WriteSims], Some(own))
        .await;
    let (mine, other) = (put_job(&app, &own.to_string()), put_job(&app, ""));

    let list = app.gateway.get("/api/v1/jobs", &tenant).await.expect(200);
    assert_eq!(list.body["data"].as_array().unwrap().len(), 1);
    app.gateway
        .get(&format!("/api/v1/jobs/{mine}"), &tenant)
        .await
        .expect(200);
    for (method, end) in [
        ("GET", ""),
        ("GET", "/results"),
        ("POST", "/pause"),
        ("POST", "/resume"),
        ("DELETE", ""),
    ] {
        let path = format!("/api/v1/jobs/{other}{end}");
        let request = app.gateway.request(method, &path).header("X-API-Key", &tenant);
        assert_eq!(
            send(request).await.expect(404).code(),
            "NOT_FOUND",
            "{method} {path}"
        );
    }
    assert_eq!(app.world.sims.jobs().jobs[&other].status, "running");
}
