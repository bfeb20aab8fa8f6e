use domain::OrganizationId;
use gateway::Permission;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{App, Gateway, send, until};
use crate::people::bad_fields;

const KEYS: &str = "/api/v1/api-keys";

fn id_of(data: &Value) -> String {
    data["id"].as_str().unwrap().to_owned()
}

/// Waits until the list of SIMs is answered so to this key.
async fn answers(gateway: &Gateway, key: &str, status: u16) {
    until("the key's answer changes", async || {
        match gateway.get("/api/v1/sims", key).await.status {
            seen if seen == status => Ok(()),
            seen => Err(seen),
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_made_shown_once_changed_and_revoked() {
    let app = App::start().await;
    let gateway = &app.gateway;
    let ada = app.world.admin("ada", None).await;
    let token = gateway.login("ada").await.access;
    let body = json!({
        "name": "dashboard", "description": "on the wall", "scopes": ["read:usage", "read:sims"],
        "rate_limit_per_minute": 600,
    });
    let made = gateway.ask("POST", KEYS, &token, body).await.expect(201).body["data"].clone();
    let key = made["key"].as_str().unwrap().to_owned();
    assert_eq!(made["key_prefix"], key[3..11]);
    assert_eq!(made["scopes"], json!(["read:sims", "read:usage"]));
    assert_eq!(
        (&made["rate_limit_per_minute"], &made["rate_limit_per_hour"]),
        (&json!(600), &json!(1000))
    );
    assert_eq!(
        (&made["is_active"], &made["created_by"]),
        (&json!(true), &json!("ada"))
    );
    gateway.get("/api/v1/sims", &key).await.expect(200);
    let path = format!("{KEYS}/{}", id_of(&made));
    let shown = gateway.ask("GET", &path, &token, Value::Null).await.expect(200);
    let listed = gateway.ask("GET", KEYS, &token, Value::Null).await.expect(200);
    for answer in [&shown, &listed] {
        assert!(answer.text.contains(&key[3..11]) && !answer.text.contains(&key[12..]));
    }

    let change = json!({ "scopes": ["read:usage"], "description": null, "rate_limit_per_hour": 1_000_000 });
    let changed = gateway.ask("PUT", &path, &token, change).await.expect(200).body["data"].clone();
    assert_eq!(
        (&changed["description"], &changed["rate_limit_per_hour"]),
        (&Value::Null, &json!(1_000_000))
    );
    answers(gateway, &key, 403).await;

    let revoked = gateway
        .ask("DELETE", &path, &token, Value::Null)
        .await
        .expect(200);
    assert_eq!(revoked.body["data"]["is_active"], false);
    answers(gateway, &key, 401).await;
    gateway
        .ask("DELETE", &path, &token, Value::Null)
        .await
        .expect(200);
    let answer = gateway
        .ask("PUT", &path, &token, json!({ "name": "x" }))
        .await
        .expect(409);
    assert_eq!(answer.code(), "CONFLICT");
    for action in ["api_key.create", "api_key.update", "api_key.revoke"] {
        let rows = app.world.audited(action).await;
        assert_eq!(rows.len(), 1, "{action}");
        assert_eq!((&rows[0].0, &rows[0].1), (&format!("user:{ada}"), &id_of(&made)));
    }
    assert!(!app.world.everything_stored().await.contains(&key[12..]));
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_gives_a_key_what_he_lacks() {
    let app = App::start().await;
    let gateway = &app.gateway;
    let lesser = app
        .world
        .key_for(&[Permission::AdminUsers, Permission::ReadSims], None)
        .await;
    let body = |scopes: Value| json!({ "name": "x", "scopes": scopes });
    for scopes in [json!(["admin"]), json!(["read:sims", "write:sims"])] {
        let answer = gateway.post(KEYS, &lesser, body(scopes)).await.expect(403);
        assert_eq!(answer.code(), "FORBIDDEN");
    }
    let made = gateway
        .post(KEYS, &lesser, body(json!(["read:sims"])))
        .await
        .expect(201);
    let path = format!("{KEYS}/{}", id_of(&made.body["data"]));
    gateway
        .put(&path, &lesser, json!({ "scopes": ["admin"] }))
        .await
        .expect(403);
    gateway
        .put(&path, &lesser, json!({ "scopes": ["admin:users"] }))
        .await
        .expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_organizations_caller_sees_and_makes_its_own_keys_only() {
    let app = App::start().await;
    let gateway = &app.gateway;
    let other = app.world.organization().await;
    let admin = app.world.admin_key().await;
    let own = app
        .world
        .key_for(&[Permission::Admin], Some(OrganizationId::DEFAULT))
        .await;
    let body = |organization: Option<Uuid>| {
        let mut body = json!({ "name": "x", "scopes": ["read:sims"] });
        if let Some(organization) = organization {
            body["organization_id"] = json!(organization);
        }
        body
    };
    let foreign = gateway.post(KEYS, &admin, body(Some(other.0))).await.expect(201);
    let platform = gateway.post(KEYS, &admin, body(None)).await.expect(201);
    assert_eq!(platform.body["data"]["organization_id"], Value::Null);
    for hidden in [&foreign, &platform] {
        let path = format!("{KEYS}/{}", id_of(&hidden.body["data"]));
        gateway.get(&path, &own).await.expect(404);
        gateway
            .put(&path, &own, json!({ "name": "mine" }))
            .await
            .expect(404);
        send(gateway.request("DELETE", &path).header("X-API-Key", &own))
            .await
            .expect(404);
    }
    gateway.post(KEYS, &own, body(Some(other.0))).await.expect(403);
    let made = gateway.post(KEYS, &own, body(None)).await.expect(201);
    assert_eq!(
        made.body["data"]["organization_id"],
        json!(OrganizationId::DEFAULT.0)
    );
    let listed = gateway.get(KEYS, &own).await.expect(200);
    assert_eq!(listed.body["data"].as_array().unwrap().len(), 2);
    assert_eq!(
        listed.body["data"][0]["id"], made.body["data"]["id"],
        "the newest first"
    );
    let nowhere = gateway
        .post(KEYS, &admin, body(Some(Uuid::from_u128(9))))
        .await
        .expect(422);
    assert_eq!(bad_fields(&nowhere), ["organization_id"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_bad_field_of_a_key_is_named_and_a_cursor_leads_on() {
    let app = App::start().await;
    let (gateway, admin) = (&app.gateway, app.world.admin_key().await);
    let bad = json!({ "name": "", "scopes": ["all"], "rate_limit_per_hour": 0, "colour": "red" });
    let answer = gateway.post(KEYS, &admin, bad).await.expect(422);
    assert_eq!(
        bad_fields(&answer),
        ["colour", "name", "rate_limit_per_hour", "scopes"]
    );
    gateway
        .post(KEYS, &admin, json!({ "name": "two", "scopes": ["read:sims"] }))
        .await
        .expect(201);
    let first = gateway
        .get(&format!("{KEYS}?page_size=1"), &admin)
        .await
        .expect(200)
        .body;
    assert_eq!(first["data"][0]["name"], "two");
    let cursor = first["pagination"]["next_cursor"].as_str().unwrap();
    let second = gateway
        .get(&format!("{KEYS}?page_size=1&cursor={cursor}"), &admin)
        .await
        .expect(200)
        .body;
    assert_eq!(second["data"][0]["name"], "test");
    assert_eq!(second["pagination"]["has_next"], false);
}
