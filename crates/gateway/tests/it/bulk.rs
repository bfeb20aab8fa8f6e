use domain::{OrganizationId, Scope};
use gateway::Permission;
use messages::ErrorCode;
use messages::pb::sim as pb;
use messages::pb::sim::create_job_request::Work;
use serde_json::{Value, json};
use service_runtime::bus::RpcError;
use uuid::Uuid;

use crate::harness::{Answer, App, ICCID, path, sim};

const SIMS: &str = "/api/v1/sims";
const TRANSFER: &str = "/api/v1/sims/transfer";
const EXTENSION: &str = "/api/v1/sims/extension";

async fn app() -> (App, String) {
    let app = App::start().await;
    let key = app
        .world
        .key_for(&[Permission::WriteSims, Permission::ManageOrders], None)
        .await;
    (app, key)
}

fn iccids(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("89880000000000{n:05}")).collect()
}

fn bad_fields(answer: &Answer) -> Vec<String> {
    let fields = answer.body["error"]["details"]["fields"].as_array().unwrap();
    let mut names: Vec<String> = fields
        .iter()
        .map(|fault| fault["field"].as_str().unwrap().to_owned())
        .collect();
    names.sort();
    names
}

/// Action, subject and details of what was written down, keys aside.
pub async fn audited(app: &App) -> Vec<(String, String, Value)> {
    sqlx::query_as(
        "SELECT action, subject, details FROM audit_log WHERE action NOT LIKE 'api_key.%' ORDER BY id",
    )
    .fetch_all(app.world.db.pool())
    .await
    .unwrap()
}

fn asked(app: &App) -> pb::CreateJobRequest {
    app.world.sims.jobs().creates.pop().expect("a job was asked for")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_many_sims_is_a_job() {
    let (app, key) = app().await;
    let to = app.world.organization().await;
    let body = json!({
        "sims": [ICCID, "89889990000000000176", "8988000000000000001"],
        "change": {
            "label": "", "imei_lock": true, "status": "Disabled", "tags": ["a"], "add_tags": ["b"], "remove_tags": ["c"],
            "metadata": { "n": 1 }, "organization_id": to.to_string(),
        },
        "dry_run": true,
    });
    let answer = app.gateway.post(SIMS, &key, body).await.expect(202);

    let data = &answer.body["data"];
    let id = data["job_id"].as_str().unwrap();
    assert_eq!(data["status_url"], format!("/api/v1/jobs/{id}"));
    assert_eq!(
        (&data["kind"], &data["dry_run"]),
        (&json!("sims.update"), &json!(true))
    );
    let request = asked(&app);
    assert_eq!((request.job_id.as_str(), request.dry_run), (id, true));
    assert_eq!(request.scope, Some(Scope::All.into()));
    let Some(Work::Update(work)) = request.work else {
        panic!("{:?}", request.work)
    };
    let selection = work.selection.unwrap();
    // Both forms of one number are one SIM.
    assert_eq!(selection.iccids, [ICCID, "8988000000000000001"]);
    let expected = pb::SimChange {
        label: Some(String::new()),
        imei_lock: Some(true),
        status: Some("Disabled".into()),
        tags: Some(pb::TagList {
            tags: vec!["a".into()],
        }),
        metadata_json: Some(r#"{"n":1}"#.into()),
        organization_id: Some(to.to_string()),
        add_tags: vec!["b".into()],
        remove_tags: vec!["c".into()],
    };
    assert_eq!(work.change, Some(expected));
}

#[tokio::test(flavor = "multi_thread")]
async fn sims_are_named_or_tagged_or_filtered() {
    let (app, key) = app().await;
    let cases = [
        (json!({ "tag": "north" }), ("", "north", "")),
        (
            json!({ "filter": { "status": "Missing", "tag": "a b", "search": " 017 " } }),
            ("Missing", "a b", "017"),
        ),
        (json!({ "filter": {}, "all": true }), ("", "", "")),
    ];
    for (mut body, expected) in cases {
        body["change"] = json!({ "imei_lock": false });
        app.gateway.post(SIMS, &key, body.clone()).await.expect(202);
        let Some(Work::Update(work)) = asked(&app).work else {
            panic!("{body}")
        };
        let selection = work.selection.unwrap();
        let filter = selection.filter.unwrap();
        let found = (
            filter.status.as_str(),
            filter.tag.as_str(),
            filter.search.as_str(),
        );
        assert_eq!(found, expected, "{body}");
        assert!(selection.iccids.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_bad_field_is_named_at_once_and_nobody_is_asked() {
    let (app, key) = app().await;
    let mut sims: Vec<Value> = iccids(20).into_iter().map(Value::from).collect();
    sims[3] = json!(17);
    sims[17] = json!("89889990000000000177");
    let body = json!({
        "sims": sims, "tag": " ", "all": "yes", "dry_run": 1, "colour": "red",
        "change": {
            "label": 7, "imei_lock": "x", "status": "Expired", "tags": [""], "add_tags": [], "remove_tags": [7],
            "metadata": [], "organization_id": Uuid::now_v7().to_string(), "size": 1,
        },
    });
    let answer = app
        .gateway
        .post("/api/v1/sims?page=1", &key, body)
        .await
        .expect(422);
    let expected = [
        "all",
        "body",
        "change.add_tags",
        "change.imei_lock",
        "change.label",
        "change.metadata",
        "change.organization_id",
        "change.remove_tags[0]",
        "change.size",
        "change.status",
        "change.tags[0]",
        "colour",
        "dry_run",
        "page",
        "sims[17]",
        "sims[3]",
        "tag",
    ];
    assert_eq!(bad_fields(&answer), expected);
    assert!(app.world.sims.jobs().creates.is_empty());
    assert!(audited(&app).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_selects_or_changes_nothing_is_refused() {
    let (app, key) = app().await;
    let change = json!({ "imei_lock": true });
    let cases = [
        (json!({ "change": change }), "body"),
        (json!({ "change": change, "all": true }), "all"),
        (json!({ "change": change, "sims": [] }), "sims"),
        (json!({ "change": change, "filter": {} }), "filter"),
        (json!({ "change": change, "filter": {}, "all": false }), "filter"),
        (
            json!({ "change": change, "filter": { "tag": "a" }, "all": true }),
            "all",
        ),
        (
            json!({ "change": change, "filter": { "search": "ab" } }),
            "filter.search",
        ),
        (
            json!({ "change": change, "filter": { "status": "enabled" } }),
            "filter.status",
        ),
        (
            json!({ "change": change, "filter": { "label": "x" } }),
            "filter.label",
        ),
        (json!({ "tag": "a" }), "change"),
        (json!({ "tag": "a", "change": {} }), "change"),
        (
            json!({ "tag": "a", "change": { "add_tags": ["x"], "remove_tags": ["x"] } }),
            "change.remove_tags",
        ),
    ];
    for (body, field) in cases {
        let answer = app.gateway.post(SIMS, &key, body.clone()).await.expect(422);
        assert!(
            bad_fields(&answer).contains(&field.to_owned()),
            "{body}: {}",
            answer.text
        );
    }
    assert!(app.world.sims.jobs().creates.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_sims_are_the_limit_and_one_mebibyte() {
    let (app, key) = app().await;
    let body = |count| json!({ "sims": iccids(count), "change": { "imei_lock": true } });
    app.gateway.post(SIMS, &key, body(10_000)).await.expect(202);
    let Some(Work::Update(work)) = asked(&app).work else {
        panic!("no update")
    };
    assert_eq!(work.selection.unwrap().iccids.len(), 10_000);
    let answer = app.gateway.post(SIMS, &key, body(10_001)).await.expect(422);
    assert_eq!(bad_fields(&answer), ["sims"]);
    // The audit log names the first hundred.
    let (_, _, details) = audited(&app).await.remove(0);
    assert_eq!(details["sims"].as_array().unwrap().len(), 100);
    assert_eq!(details["sims_count"], 10_000);

    let filled = |bytes: usize| {
        let mut text = json!({ "tag": "a", "change": { "imei_lock": true } }).to_string();
        let fill = " ".repeat(bytes - text.len());
        text.insert_str(1, &fill);
        let request = app.gateway.request("POST", SIMS).header("X-API-Key", &key);
        crate::harness::send(request.header("Content-Type", "application/json").body(text))
    };
    filled(1024 * 1024).await.expect(202);
    assert_eq!(
        filled(1024 * 1024 + 1).await.expect(413).code(),
        "PAYLOAD_TOO_LARGE"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_platform_gives_sims_away() {
    let (app, platform) = app().await;
    let own = app.world.organization().await;
    let tenant = app
        .world
        .key_for(&[Permission::WriteSims, Permission::ManageOrders], Some(own))
        .await;
    let mut card = sim(ICCID, 1, "pump");
    card.organization_id = own.to_string();
    app.world.sims.put(card);
    let other = OrganizationId::DEFAULT.to_string();
    let bulk = |to: &str| json!({ "tag": "a", "change": { "organization_id": to } });
    let single = |to: &str| json!({ "organization_id": to });

    for to in [&other, &own.to_string()] {
        assert_eq!(
            app.gateway.post(SIMS, &tenant, bulk(to)).await.expect(403).code(),
            "FORBIDDEN"
        );
        app.gateway
            .put(&path(ICCID), &tenant, single(to))
            .await
            .expect(403);
    }
    let transfer = app.gateway.post(TRANSFER, &tenant, json!({ "tag": "a" })).await;
    assert_eq!(transfer.expect(403).code(), "FORBIDDEN");
    assert!(app.world.sims.jobs().creates.is_empty() && app.world.sims.state().updates.is_empty());
    assert!(audited(&app).await.is_empty());

    let nobody = Uuid::now_v7().to_string();
    let answer = app.gateway.put(&path(ICCID), &platform, single(&nobody)).await;
    assert_eq!(bad_fields(&answer.expect(422)), ["organization_id"]);
    let answer = app.gateway.put(&path(ICCID), &platform, single(&other)).await;
    answer.expect(200);
    let update = app.world.sims.state().updates.pop().unwrap();
    assert_eq!(update.organization_id, Some(other));

    // What it may do stays within its own SIMs.
    let change = json!({ "tag": "a", "change": { "label": "x" } });
    app.gateway.post(SIMS, &tenant, change).await.expect(202);
    assert_eq!(asked(&app).scope, Some(Scope::Organization(own).into()));
    let extension = json!({ "tag": "a" });
    app.gateway.post(EXTENSION, &tenant, extension).await.expect(202);
    assert_eq!(asked(&app).scope, Some(Scope::Organization(own).into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn transfer_and_extension_are_jobs_too() {
    let (app, key) = app().await;
    let body = json!({ "sims": [ICCID], "target_organisation": 4711, "dry_run": true });
    app.gateway.post(TRANSFER, &key, body).await.expect(202);
    let request = asked(&app);
    let Some(Work::Transfer(work)) = &request.work else {
        panic!("{request:?}")
    };
    assert_eq!((work.target_organisation, request.dry_run), (4711, true));
    app.gateway
        .post(TRANSFER, &key, json!({ "sims": [ICCID] }))
        .await
        .expect(202);
    let Some(Work::Transfer(work)) = asked(&app).work else {
        panic!("no transfer")
    };
    assert_eq!(work.target_organisation, 0);

    let body = json!({ "filter": { "tag": "a" }, "product_id": 8, "payment_method": "boleto" });
    app.gateway.post(EXTENSION, &key, body).await.expect(202);
    let request = asked(&app);
    let Some(Work::Extension(work)) = &request.work else {
        panic!("{request:?}")
    };
    assert_eq!(
        (work.product_id, work.payment_method.as_str()),
        (Some(8), "boleto")
    );
    assert!(!request.dry_run);

    let bad = json!({ "tag": "a", "target_organisation": 0, "change": {} });
    let answer = app.gateway.post(TRANSFER, &key, bad).await.expect(422);
    assert_eq!(bad_fields(&answer), ["change", "target_organisation"]);
    let bad = json!({ "tag": "a", "product_id": "8", "payment_method": "cash" });
    let answer = app.gateway.post(EXTENSION, &key, bad).await.expect(422);
    assert_eq!(bad_fields(&answer), ["payment_method", "product_id"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_for_is_written_down_before() {
    let (app, key) = app().await;
    let bodies = [
        (SIMS, json!({ "sims": [ICCID], "change": { "label": "x" } })),
        (TRANSFER, json!({ "sims": [ICCID] })),
        (EXTENSION, json!({ "tag": "a", "payment_method": "creditcard" })),
    ];
    for (path, body) in &bodies {
        app.gateway.post(path, &key, body.clone()).await.expect(202);
    }
    let ids: Vec<String> = app
        .world
        .sims
        .jobs()
        .creates
        .iter()
        .map(|job| job.job_id.clone())
        .collect();
    let rows = audited(&app).await;
    let found: Vec<(&str, &str)> = rows.iter().map(|(a, s, _)| (a.as_str(), s.as_str())).collect();
    let actions = ["sims.update", "sims.transfer", "sims.extension"];
    assert_eq!(
        found,
        actions
            .into_iter()
            .zip(ids.iter().map(String::as_str))
            .collect::<Vec<_>>()
    );
    assert_eq!(rows[0].2["sims"], json!([ICCID]));
    assert_eq!(rows[0].2["change"], json!({ "label": "x" }));
    assert_eq!(rows[2].2["payment_method"], "creditcard");

    let conflict = RpcError::new(ErrorCode::Conflict, "the job exists with another request");
    app.world.sims.jobs().error = Some(conflict);
    let (path, body) = bodies[0].clone();
    assert_eq!(
        app.gateway
            .post(path, &key, body.clone())
            .await
            .expect(409)
            .code(),
        "CONFLICT"
    );
    assert_eq!(audited(&app).await.pop().unwrap().0, "sims.update_failed");

    app.world.sims.jobs().error = None;
    app.world.sims.jobs().creates.clear();
    let rename = "ALTER TABLE gateway.audit_log RENAME TO hidden";
    app.world.as_owner(rename).await.unwrap();
    app.gateway.post(path, &key, body).await.expect(503);
    assert!(app.world.sims.jobs().creates.is_empty());
}
