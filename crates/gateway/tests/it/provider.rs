use gateway::Permission;
use serde_json::{Value, json};
use service_runtime::bus::RpcError;

use crate::harness::App;

const READINESS: &str = "/api/v1/provider/readiness";

#[tokio::test(flavor = "multi_thread")]
async fn the_platform_is_told_what_the_end_of_v1_changes_and_a_tenant_is_not() {
    let app = App::start().await;
    let platform = app.world.key_for(&[Permission::ReadSims], None).await;
    let organization = app.world.organization().await;
    let tenant = app
        .world
        .key_for(&[Permission::ReadSims], Some(organization))
        .await;
    let other = app.world.key_for(&[Permission::ReadUsage], None).await;

    let told = app.gateway.get(READINESS, &platform).await.expect(200).body;

    let account = &told["data"]["accounts"][0];
    assert_eq!(
        (&account["v1_ends_on"], &account["days_left"]),
        (&json!("2026-12-31"), &json!(12))
    );
    assert_eq!(account["login"]["result"], "ok");
    let v1 = &account["generations"][0];
    assert_eq!(
        (&v1["state"], &v1["status"]),
        (&json!("alive"), &Value::Null),
        "no status says that it is gone"
    );
    let limits = &account["capabilities"][0];
    assert_eq!(
        (&limits["generation"], &limits["instead"]),
        (&Value::Null, &json!("Use the portal."))
    );
    assert_eq!(account["tasks"][0]["state"], "check");
    let compared = &told["data"]["usage_comparison"];
    assert_eq!(compared["outcome"], "differs", "{told}");
    app.world.usage.state().error = Some(RpcError::internal(&"it broke"));
    let told = app.gateway.get(READINESS, &platform).await.expect(200).body;
    assert_eq!(
        told["data"]["usage_comparison"],
        Value::Null,
        "the page goes without it"
    );
    app.gateway.get(READINESS, &tenant).await.expect(403);
    app.gateway.get(READINESS, &other).await.expect(403);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_status_of_syncs_shows_warnings() {
    let app = App::start().await;
    let key = app.world.key_for(&[Permission::ReadSims], None).await;

    let status = app
        .gateway
        .get("/api/v1/sync/status", &key)
        .await
        .expect(200)
        .body;

    let warning = json!({"code": "v1_ends", "sentence": "API v1 ends."});
    assert_eq!(status["data"]["accounts"][0]["warnings"], json!([warning]));
}
