use gateway::Permission;
use serde_json::json;

use crate::harness::{App, ICCID, audited};

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_has_its_own_sims_read_by_api() {
    let app = App::start().await;
    let organization = app.world.organization().await;
    let tenant = app
        .world
        .key_for(&[Permission::WriteSims], Some(organization))
        .await;

    let sync = json!({"iccid": ICCID});
    let started = app
        .gateway
        .post("/api/v1/sync/usage", &tenant, sync)
        .await
        .expect(202)
        .body;

    assert_eq!(started["data"]["sims_queued"], 7);
    let asked = app.world.usage.state().syncs.remove(0);
    assert_eq!(
        asked.scope,
        Some(domain::Scope::Organization(organization).into())
    );
    assert_eq!(audited(&app).await, ["sync.usage"]);
}
