use gateway::Permission;
use messages::ErrorCode;
use serde_json::json;
use service_runtime::bus::RpcError;
use sqlx::Row;

use crate::harness::{App, ICCID, path, send, sim};

async fn app() -> (App, String) {
    let app = App::start().await;
    app.world.sims.put(sim(ICCID, 1, "pump"));
    let key = app
        .world
        .key_for(&[Permission::ReadSims, Permission::WriteSims], None)
        .await;
    (app, key)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sim_is_found_by_either_form_of_its_number() {
    let (app, key) = app().await;
    for number in [ICCID, "89889990000000000176"] {
        let answer = app.gateway.get(&path(number), &key).await.expect(200);
        assert_eq!(answer.body["data"]["iccid"], ICCID);
        assert_eq!(answer.body["data"]["iccid_with_luhn"], "89889990000000000176");
        assert_eq!(answer.body["success"], true);
    }
    for bad in ["17", "89889990000000000177", "898899900000000001x"] {
        let answer = app.gateway.get(&path(bad), &key).await.expect(400);
        assert_eq!(answer.code(), "INVALID_ICCID");
    }
    let unknown = app
        .gateway
        .get(&path("8988999000000000025"), &key)
        .await
        .expect(404);
    assert_eq!(unknown.code(), "NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_state_says_what_it_means() {
    let (app, key) = app().await;
    let answer = app
        .gateway
        .get(&format!("{}/status", path(ICCID)), &key)
        .await
        .expect(200);
    assert_eq!(answer.body["data"]["status"], "Enabled");
    assert_eq!(
        answer.body["data"]["status_details"],
        json!({ "is_active": true, "is_expired": false, "is_suspended": false, "is_terminated": false })
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_sims_are_listed_by_that_word_and_are_not_active() {
    let (app, key) = app().await;
    let mut missing = sim(ICCID, 2, "pump");
    missing.missing_since = Some(messages::Timestamp {
        seconds: 1_750_000_000,
        nanos: 0,
    });
    app.world.sims.put(missing);
    let query = "/api/v1/sims?status=Missing";
    let answer = app.gateway.get(query, &key).await.expect(200);
    assert_eq!(app.world.sims.state().lists.pop().unwrap().status, "Missing");
    assert_eq!(answer.body["data"][0]["missing_since"], "2025-06-15T15:06:40Z");
    let status = format!("{}/status", path(ICCID));
    let answer = app.gateway.get(&status, &key).await.expect(200);
    let details = &answer.body["data"]["status_details"];
    assert_eq!(
        (&details["is_active"], &details["is_terminated"]),
        (&json!(false), &json!(true))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_passes_its_filter_on_and_shows_where_it_stands() {
    let (app, key) = app().await;
    let [first, last] = ["8988000000000000001", "8988999999999999999"];
    app.world.sims.put(sim(first, 1, "first"));
    app.world.sims.put(sim(last, 1, "last"));
    let query =
        "/api/v1/sims?page=2&page_size=1&status=Enabled&tag=north&search=017&sort_by=label&sort_order=desc";
    let answer = app.gateway.get(query, &key).await.expect(200);
    let asked = app.world.sims.state().lists.pop().unwrap();
    assert_eq!((asked.page, asked.page_size, asked.descending), (2, 1, true));
    assert_eq!(
        (asked.status.as_str(), asked.tag.as_str(), asked.search.as_str()),
        ("Enabled", "north", "017")
    );
    assert_eq!(answer.body["data"][0]["iccid"], ICCID);
    let expected = json!({
        "total": 3, "total_is_capped": false, "page": 2, "page_size": 1, "total_pages": 3,
        "has_next": true, "has_prev": true, "next_cursor": ICCID,
    });
    assert_eq!(answer.body["pagination"], expected);
    let bad = app
        .gateway
        .get("/api/v1/sims?page_size=101&colour=red", &key)
        .await
        .expect(422);
    assert_eq!(
        bad.body["error"]["details"]["fields"].as_array().unwrap().len(),
        2
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_whose_sims_fit_no_single_message_is_whole() {
    let (app, key) = app().await;
    let iccids: Vec<String> = (1..=9).map(|n| format!("89880000000000000{n:02}")).collect();
    for iccid in &iccids {
        app.world.sims.put(sim(iccid, 1, "large"));
    }
    app.world.sims.state().answer_limit = Some(2);

    let page = app
        .gateway
        .get("/api/v1/sims?page=2&page_size=3", &key)
        .await
        .expect(200);

    let listed: Vec<&str> = page.body["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|sim| sim["iccid"].as_str().unwrap())
        .collect();
    assert_eq!(listed, &iccids[3..6]);
    assert_eq!(page.body["pagination"]["next_cursor"], iccids[5].as_str());
    assert_eq!(page.body["pagination"]["has_next"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_names_every_bad_field_and_asks_nobody() {
    let (app, key) = app().await;
    let body = json!({ "label": 7, "status": "Expired", "tags": [""], "colour": "red" });
    let address = format!("{}?refresh=true", path(ICCID));
    let answer = app.gateway.put(&address, &key, body).await.expect(422);
    assert_eq!(answer.code(), "VALIDATION_ERROR");
    let fields = answer.body["error"]["details"]["fields"].as_array().unwrap();
    let mut names: Vec<_> = fields
        .iter()
        .map(|field| field["field"].as_str().unwrap())
        .collect();
    names.sort_unstable();
    assert_eq!(names, ["colour", "label", "refresh", "status", "tags[0]"]);
    let sync = "/api/v1/sync/sims?account=main";
    app.gateway.post(sync, &key, json!({})).await.expect(422);
    let state = app.world.sims.state();
    assert!(state.updates.is_empty() && state.starts.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_is_read_back_at_once_and_stands_in_the_audit_log() {
    let (app, key) = app().await;
    app.gateway.get(&path(ICCID), &key).await.expect(200);
    let gets = app.world.sims.state().gets;
    let body = json!({ "label": "valve", "imei_lock": true, "tags": ["a"], "metadata": { "n": 1 } });
    let request = app
        .gateway
        .request("PUT", &path(ICCID))
        .header("X-API-Key", &key)
        .header("X-Request-Id", "req-1");
    let answer = send(request.json(&body)).await.expect(200);
    assert_eq!(answer.body["data"]["label"], "valve");
    let again = app.gateway.get(&path(ICCID), &key).await.expect(200);
    assert_eq!(again.body["data"]["label"], "valve");
    assert_eq!(
        app.world.sims.state().gets,
        gets,
        "the answer of the update was not cached"
    );
    let sent = app.world.sims.state().updates.pop().unwrap();
    assert_eq!(
        (sent.imei_lock, sent.metadata_json.as_deref()),
        (Some(true), Some(r#"{"n":1}"#))
    );
    assert_eq!(sent.actor.unwrap().kind, "api_key");

    let pool = app.world.db.pool();
    let row = sqlx::query("SELECT subject, request_id, actor_kind, details::text AS details FROM audit_log WHERE action = 'sim.update'")
        .fetch_one(pool)
        .await
        .unwrap();
    assert_eq!(row.get::<String, _>("subject"), ICCID);
    assert_eq!(row.get::<String, _>("request_id"), "req-1");
    assert!(row.get::<String, _>("details").contains("valve"));
    for change in [
        "UPDATE gateway.audit_log SET subject = 'x'",
        "DELETE FROM gateway.audit_log",
    ] {
        let error = sqlx::query(change).execute(pool).await.unwrap_err();
        assert!(
            error.to_string().contains("permission denied"),
            "{change}: {error}"
        );
        let error = app.world.as_owner(change).await.unwrap_err();
        assert!(error.to_string().contains("append-only"), "{change}: {error}");
    }
    let error = app
        .world
        .as_owner("TRUNCATE gateway.audit_log")
        .await
        .unwrap_err();
    assert!(error.to_string().contains("append-only"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_asks_1nce_and_replaces_what_was_cached() {
    let (app, key) = app().await;
    app.gateway.get(&path(ICCID), &key).await.expect(200);
    app.world.sims.put(sim(ICCID, 2, "fresh"));
    let stale = app.gateway.get(&path(ICCID), &key).await.expect(200);
    assert_eq!(stale.body["data"]["label"], "pump");
    let fresh = app
        .gateway
        .get(&format!("{}?refresh=true", path(ICCID)), &key)
        .await
        .expect(200);
    assert_eq!(fresh.body["data"]["label"], "fresh");
    assert_eq!(app.world.sims.state().refreshes, 1);
    let cached = app.gateway.get(&path(ICCID), &key).await.expect(200);
    assert_eq!(cached.body["data"]["label"], "fresh");
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_of_the_bus_become_statuses() {
    let (app, key) = app().await;
    let cases = [
        (ErrorCode::Upstream, 502, "sim.update_uncertain"),
        (ErrorCode::UpstreamRateLimited, 503, "sim.update_failed"),
        (ErrorCode::CapabilityUnavailable, 501, "sim.update_failed"),
        (ErrorCode::Conflict, 409, "sim.update_failed"),
        (ErrorCode::Internal, 500, "sim.update_uncertain"),
        (ErrorCode::Unavailable, 503, "sim.update_uncertain"),
    ];
    for (code, status, action) in cases {
        let mut error = RpcError::new(code, "as it is");
        error.retry_after = Some(std::time::Duration::from_secs(7));
        app.world.sims.state().error = Some(error);
        let answer = app
            .gateway
            .put(&path(ICCID), &key, json!({ "label": "x" }))
            .await
            .expect(status);
        assert_eq!(answer.code(), code.word());
        assert_eq!(answer.headers["retry-after"], "7");
        assert_eq!(answer.body["error"]["message"], "as it is");
        assert_eq!(last_action(&app).await, action, "{code:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_have_happened_is_not_written_down_as_failed() {
    let (app, key) = app().await;
    let lost = RpcError::new(ErrorCode::DeadlineExceeded, "no answer in time");
    app.world.sims.state().error = Some(lost);
    let change = json!({ "label": "x" });
    let answer = app.gateway.put(&path(ICCID), &key, change).await.expect(503);
    assert_eq!(answer.code(), "SERVICE_UNAVAILABLE");
    assert_eq!(last_action(&app).await, "sim.update_uncertain");
    app.gateway
        .post("/api/v1/sync/sims", &key, json!({}))
        .await
        .expect(503);
    assert_eq!(last_action(&app).await, "sync.start_uncertain");
    let refused = RpcError::new(ErrorCode::Validation, "no such account");
    app.world.sims.state().error = Some(refused);
    app.gateway
        .post("/api/v1/sync/sims", &key, json!({}))
        .await
        .expect(422);
    assert_eq!(last_action(&app).await, "sync.start_failed");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_audit_row_names_the_organization_of_the_sim() {
    let (app, platform) = app().await;
    let owner = app.world.organization().await;
    let mut foreign = sim(ICCID, 1, "pump");
    foreign.organization_id = owner.to_string();
    app.world.sims.put(foreign);
    let own = app.world.key_for(&[Permission::WriteSims], Some(owner)).await;
    for key in [platform, own] {
        let change = json!({ "label": "x" });
        app.gateway.put(&path(ICCID), &key, change).await.expect(200);
    }
    let organizations: Vec<Option<uuid::Uuid>> =
        sqlx::query_scalar("SELECT organization_id FROM audit_log WHERE action = 'sim.update'")
            .fetch_all(app.world.db.pool())
            .await
            .unwrap();
    assert_eq!(organizations, [Some(owner.0); 2]);
}

async fn last_action(app: &App) -> String {
    sqlx::query_scalar("SELECT action FROM audit_log ORDER BY id DESC LIMIT 1")
        .fetch_one(app.world.db.pool())
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reading_of_the_fleet_is_accepted_followed_and_audited() {
    let (app, key) = app().await;
    let answer = app
        .gateway
        .post(
            "/api/v1/sync/sims",
            &key,
            json!({ "account": "main", "accept_mass_missing": true }),
        )
        .await;
    let answer = answer.expect(202);
    assert_eq!(answer.body["data"]["runs"][0]["id"], "run-1");
    let asked = app.world.sims.state().starts.pop().unwrap();
    assert_eq!(
        (asked.account.as_str(), asked.accept_mass_missing),
        ("main", true)
    );
    // No body at all means every account.
    send(
        app.gateway
            .request("POST", "/api/v1/sync/sims")
            .header("X-API-Key", &key),
    )
    .await
    .expect(202);
    assert_eq!(app.world.sims.state().starts.pop().unwrap().account, "");
    let status = app.gateway.get("/api/v1/sync/status", &key).await.expect(200);
    assert_eq!(status.body["data"]["accounts"][0]["running"]["state"], "running");
    let rows: i64 = sqlx::query_scalar("SELECT count(*) FROM audit_log WHERE action = 'sync.start'")
        .fetch_one(app.world.db.pool())
        .await
        .unwrap();
    assert_eq!(rows, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_changed_that_cannot_be_written_down() {
    let (app, key) = app().await;
    let rename = "ALTER TABLE gateway.audit_log RENAME TO hidden";
    app.world.as_owner(rename).await.unwrap();
    let answer = app.gateway.put(&path(ICCID), &key, json!({ "label": "x" })).await;
    assert_eq!(answer.expect(503).code(), "SERVICE_UNAVAILABLE");
    let answer = app.gateway.post("/api/v1/sync/sims", &key, json!({})).await;
    assert_eq!(answer.expect(503).code(), "SERVICE_UNAVAILABLE");
    let state = app.world.sims.state();
    assert!(state.updates.is_empty() && state.starts.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_needs_no_escape_in_an_address_may_come_escaped() {
    let app = App::start().await;
    app.world.sims.put(sim(ICCID, 1, "pump"));
    let key = app.world.key_for(&[Permission::ReadSims], None).await;
    for address in [
        "/api/v1/%73ims".to_owned(),
        format!("/api/v1/sims/%38{}", &ICCID[1..]),
    ] {
        app.gateway.get(&address, &key).await.expect(200);
    }
    app.gateway.get("/api/v1/sims%2F", &key).await.expect(404);
}
