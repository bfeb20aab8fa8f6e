use domain::OrganizationId;
use gateway::Permission;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{App, Gateway, ICCID, path, send, sim, until};
use crate::people::{PASSWORD, bad_fields};

const USERS: &str = "/api/v1/users";

fn one(id: Uuid) -> String {
    format!("{USERS}/{id}")
}

async fn refused(gateway: &Gateway, token: &str) {
    until("the token is refused", async || match gateway.me(token).await {
        answer if answer.status == 401 => Ok(()),
        answer => Err(answer.text),
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_is_made_seen_changed_and_deleted() {
    let app = App::start().await;
    let key = app.world.admin_key().await;
    let gateway = &app.gateway;
    let body = json!({
        "username": "bob", "email": "Bob@example.org", "password": PASSWORD, "full_name": "Bob B", "role": "readonly",
        "organization_id": OrganizationId::DEFAULT.0,
    });
    let made = gateway.post(USERS, &key, body).await.expect(201).body["data"].clone();
    assert_eq!(
        (&made["username"], &made["role"]),
        (&json!("bob"), &json!("readonly"))
    );
    assert_eq!(
        (&made["is_active"], &made["last_login_at"]),
        (&json!(true), &Value::Null)
    );
    assert!(made.get("password").is_none() && made.get("password_hash").is_none());
    let id: Uuid = made["id"].as_str().unwrap().parse().unwrap();
    assert_eq!(gateway.get(&one(id), &key).await.expect(200).body["data"], made);
    let bob = gateway.login("bob@example.org").await;

    let change = json!({ "full_name": null, "email": "b@example.org" });
    let changed = gateway.put(&one(id), &key, change).await.expect(200).body["data"].clone();
    assert_eq!(
        (&changed["full_name"], &changed["email"]),
        (&Value::Null, &json!("b@example.org"))
    );
    gateway.me(&bob.access).await.expect(200);

    let delete = gateway.request("DELETE", &one(id)).header("X-API-Key", &key);
    let left = send(delete).await.expect(200);
    assert_eq!(left.body["data"]["is_active"], false);
    refused(gateway, &bob.access).await;
    gateway.refresh(&bob.refresh).await.expect(401);
    gateway.try_login("bob", PASSWORD).await.expect(401);
    gateway.get(&one(id), &key).await.expect(404);
    gateway
        .put(&one(id), &key, json!({ "is_active": true }))
        .await
        .expect(404);
    assert_eq!(gateway.get(USERS, &key).await.expect(200).body["data"], json!([]));
    for (action, rows) in [("user.create", 1), ("user.update", 1), ("user.delete", 1)] {
        let found = app.world.audited(action).await;
        assert_eq!(found.len(), rows, "{action}");
        assert!(found[0].0.starts_with("api_key:") && found[0].1 == id.to_string());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn names_and_addresses_are_taken_once_and_organizations_exist() {
    let app = App::start().await;
    let key = app.world.admin_key().await;
    let gateway = &app.gateway;
    let ada = gateway.make_user(&key, "ada", "user", None).await;
    let bob = gateway.make_user(&key, "bob", "user", None).await;
    let user = |name: &str, email: &str| json!({ "username": name, "email": email, "password": PASSWORD, "role": "user" });
    for body in [
        user("ada", "new@example.org"),
        user("new", "ADA@example.org"),
        user("ada@example.org", "new@example.org"),
    ] {
        assert_eq!(
            gateway.post(USERS, &key, body).await.expect(409).code(),
            "CONFLICT"
        );
    }
    gateway
        .put(&one(bob), &key, json!({ "username": "ada" }))
        .await
        .expect(409);
    gateway
        .put(
            &one(ada),
            &key,
            json!({ "username": "ada", "email": "ada@example.org" }),
        )
        .await
        .expect(200);
    let new = || user("eve", "eve@example.org");
    let (one_answer, two) = tokio::join!(gateway.post(USERS, &key, new()), gateway.post(USERS, &key, new()));
    let mut statuses = [one_answer.status, two.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409]);

    let mut nowhere = user("new", "new@example.org");
    nowhere["organization_id"] = json!(Uuid::from_u128(9));
    let answer = gateway.post(USERS, &key, nowhere).await.expect(422);
    assert_eq!(bad_fields(&answer), ["organization_id"]);
    let answer = gateway
        .post(USERS, &key, json!({ "username": "A" }))
        .await
        .expect(422);
    assert_eq!(bad_fields(&answer), ["email", "password", "role", "username"]);
    gateway.get("/api/v1/users/nonsense", &key).await.expect(404);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_organizations_admin_sees_and_makes_its_own_users_only() {
    let app = App::start().await;
    let (gateway, key) = (&app.gateway, app.world.admin_key().await);
    let other = app.world.organization().await;
    app.world.admin("ada", Some(OrganizationId::DEFAULT)).await;
    let platform = gateway.make_user(&key, "paul", "readonly", None).await;
    let foreign = gateway.make_user(&key, "fred", "readonly", Some(other.0)).await;
    let own = gateway
        .make_user(&key, "otto", "readonly", Some(OrganizationId::DEFAULT.0))
        .await;
    let ada = gateway.login("ada").await.access;
    let ask = |method: &'static str, path: String, body: Value| {
        let ada = &ada;
        async move { gateway.ask(method, &path, ada, body).await }
    };
    let listed = ask("GET", USERS.into(), Value::Null).await.expect(200);
    let names: Vec<_> = listed.body["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|user| &user["username"])
        .collect();
    assert_eq!(names, ["ada", "otto"]);
    for id in [platform, foreign] {
        ask("GET", one(id), Value::Null).await.expect(404);
        ask("PUT", one(id), json!({ "is_active": false }))
            .await
            .expect(404);
        ask("DELETE", one(id), Value::Null).await.expect(404);
    }
    let user = |organization: Option<Uuid>| {
        let mut body =
            json!({ "username": "new", "email": "new@example.org", "password": PASSWORD, "role": "admin" });
        if let Some(organization) = organization {
            body["organization_id"] = json!(organization);
        }
        body
    };
    for organization in [other.0, Uuid::from_u128(9)] {
        let answer = ask("POST", USERS.into(), user(Some(organization)))
            .await
            .expect(403);
        assert_eq!(answer.code(), "FORBIDDEN");
        ask("PUT", one(own), json!({ "organization_id": organization }))
            .await
            .expect(403);
    }
    ask("PUT", one(own), json!({ "organization_id": null }))
        .await
        .expect(403);
    let made = ask("POST", USERS.into(), user(None)).await.expect(201);
    assert_eq!(
        made.body["data"]["organization_id"],
        json!(OrganizationId::DEFAULT.0)
    );
    ask("PUT", one(own), json!({ "role": "user" })).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_sees_the_sims_of_its_organization_only() {
    let app = App::start().await;
    let gateway = &app.gateway;
    let other = app.world.organization().await;
    app.world.admin("ada", Some(OrganizationId::DEFAULT)).await;
    app.world.admin("fred", Some(other)).await;
    let ada = gateway.login("ada").await.access;
    app.world.sims.put(sim(ICCID, 1, "pump"));
    gateway
        .ask("GET", &path(ICCID), &ada, Value::Null)
        .await
        .expect(200);
    let fred = gateway.login("fred").await.access;
    gateway
        .ask("GET", &path(ICCID), &fred, Value::Null)
        .await
        .expect(404);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_makes_or_takes_over_a_user_who_may_do_more() {
    let app = App::start().await;
    let gateway = &app.gateway;
    let ada = app.world.admin("ada", None).await;
    app.world.admin("eve", None).await;
    let lesser = app
        .world
        .key_for(&[Permission::AdminUsers, Permission::ReadSims], None)
        .await;
    let body = json!({ "username": "new", "email": "n@example.org", "password": PASSWORD, "role": "admin" });
    gateway.post(USERS, &lesser, body.clone()).await.expect(403);
    gateway
        .put(&one(ada), &lesser, json!({ "password": "taken over by me" }))
        .await
        .expect(403);
    send(gateway.request("DELETE", &one(ada)).header("X-API-Key", &lesser))
        .await
        .expect(403);
    gateway.try_login("ada", PASSWORD).await.expect(200);
    let reader = app
        .world
        .key_for(
            &[
                Permission::AdminUsers,
                Permission::ReadSims,
                Permission::ReadUsage,
            ],
            None,
        )
        .await;
    let mut body = body;
    body["role"] = json!("readonly");
    gateway.post(USERS, &reader, body.clone()).await.expect(201);
    body["role"] = json!("user");
    gateway.post(USERS, &reader, body).await.expect(403);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_decides_what_a_user_may_do_and_its_change_ends_the_sessions_everywhere() {
    let app = App::start().await;
    let (gateway, key) = (&app.gateway, app.world.admin_key().await);
    let replica = app.world.start(app.world.gateway_config()).await;
    app.world.sims.put(sim(ICCID, 1, "pump"));
    let bob = gateway.make_user(&key, "bob", "readonly", None).await;
    let token = gateway.login("bob").await.access;
    gateway
        .ask("GET", "/api/v1/sims", &token, Value::Null)
        .await
        .expect(200);
    replica
        .ask("GET", "/api/v1/sims", &token, Value::Null)
        .await
        .expect(200);
    let label = || json!({ "label": "x" });
    gateway
        .ask("PUT", &path(ICCID), &token, label())
        .await
        .expect(403);
    gateway.ask("GET", USERS, &token, Value::Null).await.expect(403);

    gateway
        .put(&one(bob), &key, json!({ "role": "user" }))
        .await
        .expect(200);
    refused(&replica, &token).await;
    refused(gateway, &token).await;
    let token = gateway.login("bob").await.access;
    gateway
        .ask("PUT", &path(ICCID), &token, label())
        .await
        .expect(200);
    let asked = app.world.sims.state().updates.pop().unwrap();
    let actor = asked.actor.unwrap();
    assert_eq!((actor.kind, actor.id), ("user".to_owned(), bob.to_string()));
    gateway.ask("GET", USERS, &token, Value::Null).await.expect(403);

    replica.me(&token).await.expect(200);
    gateway
        .put(&one(bob), &key, json!({ "is_active": false }))
        .await
        .expect(200);
    refused(&replica, &token).await;
    gateway
        .put(&one(bob), &key, json!({ "is_active": true }))
        .await
        .expect(200);
    let token = gateway.login("bob").await.access;
    let other = app.world.organization().await;
    gateway
        .put(&one(bob), &key, json!({ "organization_id": other.0 }))
        .await
        .expect(200);
    refused(&replica, &token).await;
    let token = gateway.login("bob").await.access;
    gateway
        .put(&one(bob), &key, json!({ "password": "another pass phrase" }))
        .await
        .expect(200);
    refused(&replica, &token).await;
    gateway.try_login("bob", "another pass phrase").await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_active_administrator_of_the_platform_stays() {
    let app = App::start().await;
    let (gateway, key) = (&app.gateway, app.world.admin_key().await);
    let ada = app.world.admin("ada", None).await;
    let bob = app.world.admin("bob", None).await;
    app.world.admin("otto", Some(OrganizationId::DEFAULT)).await;
    let demote = |id| {
        let (gateway, key) = (&app.gateway, &key);
        async move { gateway.put(&one(id), key, json!({ "role": "user" })).await.status }
    };
    let mut statuses = <[u16; 2]>::from(tokio::join!(demote(ada), demote(bob)));
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409], "two at once leave one");
    let users = gateway.get(USERS, &key).await.expect(200).body["data"].clone();
    let last = users
        .as_array()
        .unwrap()
        .iter()
        .find(|user| user["role"] == "admin" && user["organization_id"].is_null());
    let last: Uuid = last.unwrap()["id"].as_str().unwrap().parse().unwrap();
    for change in [
        json!({ "role": "readonly" }),
        json!({ "is_active": false }),
        json!({ "organization_id": OrganizationId::DEFAULT.0 }),
    ] {
        gateway.put(&one(last), &key, change).await.expect(409);
    }
    send(gateway.request("DELETE", &one(last)).header("X-API-Key", &key))
        .await
        .expect(409);
    gateway
        .put(&one(last), &key, json!({ "full_name": "The Last" }))
        .await
        .expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_leads_through_all_users_once() {
    let app = App::start().await;
    let (gateway, key) = (&app.gateway, app.world.admin_key().await);
    let mut made = Vec::new();
    for at in 0..5 {
        made.push(
            gateway
                .make_user(&key, &format!("user-{at}"), "readonly", None)
                .await
                .to_string(),
        );
    }
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    for _ in 0..4 {
        let path = format!("{USERS}?page_size=2{cursor}");
        let page = gateway.get(&path, &key).await.expect(200).body;
        seen.extend(
            page["data"]
                .as_array()
                .unwrap()
                .iter()
                .map(|user| user["id"].as_str().unwrap().to_owned()),
        );
        match page["pagination"]["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(seen, made);
    gateway
        .get(&format!("{USERS}?page_size=101"), &key)
        .await
        .expect(422);
    gateway.get(&format!("{USERS}?cursor=x"), &key).await.expect(422);
}
