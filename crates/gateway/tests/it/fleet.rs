//! The fleet at a glance.

use domain::{OrganizationId, Scope};
use gateway::Permission;
use messages::ErrorCode;
use serde_json::{Value, json};
use service_runtime::bus::RpcError;

use crate::fake_sims::seen;
use crate::harness::App;

const PATH: &str = "/api/v1/fleet/overview";
const BOTH: [Permission; 2] = [Permission::ReadSims, Permission::ReadUsage];

/// Whose SIMs sim-service was asked for.
fn asked(app: &App) -> Vec<Scope> {
    let state = app.world.sims.state();
    let asked = state.counts.iter();
    asked.map(|request| seen(request.scope.as_ref())).collect()
}

fn unavailable() -> RpcError {
    RpcError::new(ErrorCode::Unavailable, "the database does not answer")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_platform_sees_every_number_and_each_sim_counts_once() {
    let app = App::start().await;
    let key = app.world.key_for(&BOTH, None).await;

    let answer = app.gateway.get(PATH, &key).await.expect(200);

    assert_eq!(answer.headers["cache-control"], "private, max-age=5");
    let data = &answer.body["data"];
    let sims =
        json!({ "total": 100, "enabled": 90, "disabled": 10, "expired": 0, "unknown": 0, "missing": 5 });
    assert_eq!(data["sims"], sims);
    let quota = json!({ "sufficient": 70, "low": 20, "exhausted": 10, "unknown": 0, "not_told": 0 });
    assert_eq!(data["data_quota"], quota);
    let quota = json!({ "sufficient": 0, "low": 80, "exhausted": 0, "unknown": 0, "not_told": 20 });
    assert_eq!(data["sms_quota"], quota);
    // Three SIMs are not known to usage-ingestor yet.
    let places = json!({
        "online": 50, "offline": 45, "unknown": 5,
        "countries": [
            { "mcc": "262", "country": "Germany", "sims": 70 }, { "mcc": "222", "country": "Italy", "sims": 25 },
            { "mcc": null, "country": null, "sims": 5 },
        ],
        "rats": [
            { "rat": 6, "name": "LTE", "sims": 75 }, { "rat": 8, "name": "NB-IoT", "sims": 20 },
            { "rat": null, "name": null, "sims": 5 },
        ],
    });
    assert_eq!(data["connectivity"], places);
    assert_eq!(data["usage"]["today"]["since"], "2026-07-03");
    assert_eq!(data["usage"]["today"]["total_volume"], 30);
    assert_eq!(data["usage"]["month"]["total_volume"], 90);
    assert_eq!(data["sync"]["accounts"][0]["account"], "main");
    assert_eq!(data["organization_id"], Value::Null);
    assert_eq!(data["as_of"], "2026-07-03T10:00:00Z");
    assert_eq!(data["missing"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_organization_sees_its_own_numbers_only() {
    let app = App::start().await;
    let (own, other) = (app.world.organization().await, app.world.organization().await);
    let key = app.world.key_for(&BOTH, Some(own)).await;
    let platform = app.world.key_for(&BOTH, None).await;
    let of = |organization: OrganizationId| format!("{PATH}?organization_id={organization}");

    let mine = app.gateway.get(PATH, &key).await.expect(200);
    app.gateway.get(&of(own), &key).await.expect(200);
    let refused = app.gateway.get(&of(other), &key).await.expect(403);
    let chosen = app.gateway.get(&of(other), &platform).await.expect(200);

    assert_eq!(mine.body["data"]["organization_id"], own.to_string());
    assert_eq!(mine.body["data"]["sync"]["accounts"], Value::Null);
    assert_eq!(
        mine.body["data"]["sync"]["oldest_synced_at"],
        "2026-07-03T09:58:30Z"
    );
    assert_eq!(refused.code(), "FORBIDDEN");
    assert_eq!(chosen.body["data"]["organization_id"], other.to_string());
    assert_eq!(asked(&app), [own, other].map(Scope::Organization));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_see_usage_gets_null_from_the_same_cached_answer() {
    let app = App::start().await;
    let with = app.world.key_for(&BOTH, None).await;
    let without = app.world.key_for(&[Permission::ReadSims], None).await;

    let full = app.gateway.get(PATH, &with).await.expect(200);
    let part = app.gateway.get(PATH, &without).await.expect(200);

    assert!(full.body["data"]["usage"].is_object());
    assert_eq!(part.body["data"]["usage"], Value::Null);
    assert!(part.body["data"]["connectivity"].is_object());
    assert_eq!(part.body["data"]["missing"], json!([]));
    assert_eq!(asked(&app).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_at_the_same_time_share_one_question() {
    let app = App::start().await;
    let key = app.world.key_for(&BOTH, None).await;
    let ask = || async { app.gateway.get(PATH, &key).await.expect(200).status };

    tokio::join!(ask(), ask(), ask(), ask(), ask(), ask());

    assert_eq!(asked(&app).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_usage_ingestor_the_rest_is_told_and_without_sim_service_nothing() {
    let app = App::start().await;
    let key = app.world.key_for(&BOTH, None).await;
    let organization = app.world.organization().await;
    app.world.usage.state().error = Some(unavailable());

    let data = app.gateway.get(PATH, &key).await.expect(200).body["data"].take();

    assert_eq!(data["sims"]["total"], 100);
    assert_eq!(
        (&data["usage"], &data["connectivity"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(data["missing"], json!(["usage"]));

    app.world.sims.state().error = Some(unavailable());
    let path = format!("{PATH}?organization_id={organization}");
    let refused = app.gateway.get(&path, &key).await.expect(503);
    assert_eq!(refused.code(), "SERVICE_UNAVAILABLE");
    // A failure is not kept.
    app.world.sims.state().error = None;
    app.gateway.get(&path, &key).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_organization_is_refused() {
    let app = App::start().await;
    let key = app.world.key_for(&BOTH, None).await;
    for query in [
        "organization_id=17",
        "organization_id=00000000-0000-0000-0000-000000000000",
        "org=1",
    ] {
        app.gateway
            .get(&format!("{PATH}?{query}"), &key)
            .await
            .expect(422);
    }
    assert_eq!(asked(&app), []);
}
