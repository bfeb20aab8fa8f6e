use domain::OrganizationId;
use gateway::Permission;
use serde_json::json;

use crate::harness::App;
use crate::people::bad_fields;

const ORGANIZATIONS: &str = "/api/v1/organizations";

#[tokio::test(flavor = "multi_thread")]
async fn the_platform_makes_organizations_and_each_sees_its_own() {
    let app = App::start().await;
    let (gateway, admin) = (&app.gateway, app.world.admin_key().await);
    let acme = || json!({ "name": "Acme", "slug": "acme" });
    let made = gateway.post(ORGANIZATIONS, &admin, acme()).await.expect(201).body["data"].clone();
    assert_eq!((&made["name"], &made["slug"]), (&json!("Acme"), &json!("acme")));
    let answer = gateway.post(ORGANIZATIONS, &admin, acme()).await.expect(409);
    assert_eq!(answer.code(), "CONFLICT");
    let bad = json!({ "name": " ", "slug": "A", "x": 1 });
    let answer = gateway.post(ORGANIZATIONS, &admin, bad).await.expect(422);
    assert_eq!(bad_fields(&answer), ["name", "slug", "x"]);

    let all = gateway.get(ORGANIZATIONS, &admin).await.expect(200).body["data"].clone();
    assert_eq!(all.as_array().unwrap().len(), 2);
    assert_eq!(all[1], made);
    let id = OrganizationId(made["id"].as_str().unwrap().parse().unwrap());
    let own = app.world.key_for(&[Permission::Admin], Some(id)).await;
    let seen = gateway.get(ORGANIZATIONS, &own).await.expect(200).body["data"].clone();
    assert_eq!(seen, json!([made]));
    let answer = gateway
        .post(ORGANIZATIONS, &own, json!({ "name": "B", "slug": "b" }))
        .await
        .expect(403);
    assert_eq!(answer.code(), "FORBIDDEN");
    let rows = app.world.audited("organization.create").await;
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].1, id.to_string());
}
