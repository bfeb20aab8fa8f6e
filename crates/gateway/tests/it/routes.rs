//! Every route: documented, with the methods that it has, and open to the roles that it is for.

use std::collections::{BTreeMap, BTreeSet};

use domain::OrganizationId;
use gateway::Permission;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{App, ICCID, send, sim};
use crate::people::PASSWORD;

const METHODS: [&str; 5] = ["GET", "PUT", "POST", "DELETE", "PATCH"];
/// Methods of each documented path, and the scope that each asks for.
fn documented() -> BTreeMap<String, BTreeMap<String, Option<String>>> {
    let document: Value = serde_json::from_str(&gateway::openapi().to_json().unwrap()).unwrap();
    let paths = document["paths"].as_object().unwrap().iter();
    let paths = paths.map(|(path, item)| {
        let operations = item.as_object().unwrap().iter();
        let operations = operations.map(|(method, operation)| {
            let scope = operation["security"][0]["api_key"][0].as_str();
            (method.to_uppercase(), scope.map(ToOwned::to_owned))
        });
        (path.clone(), operations.collect())
    });
    paths.collect()
}

fn asked(path: &str) -> String {
    path.replace("{iccid}", ICCID)
        .replace("{id}", &Uuid::from_u128(7).to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_path_has_the_methods_that_are_documented_and_no_other() {
    let app = App::start().await;
    for (path, operations) in documented() {
        let address = asked(&path);
        for method in METHODS {
            let answer = send(app.gateway.request(method, &address)).await;
            if operations.contains_key(method) {
                assert!(
                    ![404, 405].contains(&answer.status),
                    "{method} {path}: {}",
                    answer.text
                );
                continue;
            }
            let answer = answer.expect(405);
            let allowed = answer.headers["allow"].to_str().unwrap();
            let allowed: BTreeSet<&str> = allowed.split(", ").filter(|method| *method != "HEAD").collect();
            let known: BTreeSet<&str> = operations.keys().map(String::as_str).collect();
            assert_eq!(allowed, known, "{path}");
        }
    }
}

/// What the roles may do, as REQUIREMENTS has them; an admin may do everything.
fn allows(role: &str, scope: &str) -> bool {
    let readonly = ["read:sims", "read:usage"];
    let user = [
        "write:sims",
        "manage:quotas",
        "send:sms",
        "manage:orders",
        "manage:alerts",
        "manage:webhooks",
    ];
    match role {
        "admin" => true,
        "user" => readonly.contains(&scope) || user.contains(&scope),
        _ => readonly.contains(&scope),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_is_open_to_the_roles_that_it_is_for_and_closed_to_the_others() {
    let app = App::start().await;
    app.world.sims.put(sim(ICCID, 1, "pump"));
    let admin = app.world.key_for(&[Permission::Admin], None).await;
    let mut asked_routes = 0;
    for role in ["admin", "user", "readonly"] {
        let user = json!({
            "username": role, "email": format!("{role}@example.com"), "password": PASSWORD, "role": role,
        });
        app.gateway.post("/api/v1/users", &admin, user).await.expect(201);
        let session = app.gateway.login(role).await;
        for (path, operations) in documented() {
            for (method, scope) in operations {
                // These end the session that the others need.
                let ends = path.ends_with("/auth/logout") || path.ends_with("/auth/password");
                let Some(scope) = scope.filter(|_| !ends) else {
                    continue;
                };
                let request = app
                    .gateway
                    .request(&method, &asked(&path))
                    .bearer_auth(&session.access);
                // The stream of events would have no end.
                let request = request.header("Last-Event-ID", "none").json(&json!({}));
                let answer = send(request).await;
                asked_routes += 1;
                let refused = answer.status == 403 && answer.text.contains("lacks the permission");
                assert_ne!(answer.status, 401, "{role} {method} {path}");
                assert_eq!(
                    refused,
                    !allows(role, &scope),
                    "{role} {method} {path}: {}",
                    answer.text
                );
            }
        }
    }
    assert!(asked_routes > 100, "only {asked_routes} were asked");
}

#[tokio::test(flavor = "multi_thread")]
async fn whose_things_are_named_by_an_id_is_hidden_from_another_organization() {
    let app = App::start().await;
    let admin = app.world.key_for(&[Permission::Admin], None).await;
    let own = app.world.organization().await;
    let stranger = app.world.key_for(&[Permission::Admin], Some(own)).await;
    let user = json!({
        "username": "ann", "email": "ann@example.com", "password": PASSWORD, "role": "user",
        "organization_id": OrganizationId::DEFAULT,
    });
    let user = app.gateway.post("/api/v1/users", &admin, user).await.expect(201);
    let key =
        json!({ "name": "theirs", "scopes": ["read:sims"], "organization_id": OrganizationId::DEFAULT });
    let key = app
        .gateway
        .post("/api/v1/api-keys", &admin, key)
        .await
        .expect(201);
    let theirs = app
        .world
        .key_for(&[Permission::Admin], Some(OrganizationId::DEFAULT))
        .await;
    let job = json!({ "sims": [ICCID], "change": { "label": "x" } });
    let job = app.gateway.post("/api/v1/sims", &theirs, job).await.expect(202);
    let things = [
        (
            "/api/v1/users/",
            user.body["data"]["id"].clone(),
            json!({ "full_name": "Mine" }),
        ),
        (
            "/api/v1/api-keys/",
            key.body["data"]["id"].clone(),
            json!({ "name": "mine" }),
        ),
        ("/api/v1/jobs/", job.body["data"]["job_id"].clone(), json!({})),
    ];
    let mut asked_routes = 0;
    for (path, operations) in documented() {
        let Some((_, id, body)) = things.iter().find(|(beginning, ..)| path.starts_with(beginning)) else {
            assert!(!path.contains("{id}"), "{path}: this test lacks such a thing");
            continue;
        };
        let address = path.replace("{id}", id.as_str().unwrap());
        for method in operations.keys() {
            let mut request = app
                .gateway
                .request(method, &address)
                .header("X-API-Key", &stranger);
            if method == "PUT" || method == "POST" {
                request = request.json(body);
            }
            let answer = send(request).await;
            asked_routes += 1;
            assert_eq!(answer.status, 404, "{method} {path}: {}", answer.text);
        }
    }
    assert!(asked_routes >= 9, "only {asked_routes} were asked");
}

/// Method, path and scope of every protected route, as documented; `None` where every known caller may ask.
fn protected_routes() -> Vec<(String, String, Option<String>)> {
    let document: Value = serde_json::from_str(&gateway::openapi().to_json().unwrap()).unwrap();
    let (mut routes, mut open) = (Vec::new(), Vec::new());
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let security = &operation["security"];
            let asks_nothing = security.as_array().unwrap().is_empty();
            if !path.starts_with("/api/") {
                assert!(asks_nothing, "{path}");
            } else if asks_nothing {
                open.push(format!("{method} {path}"));
            } else {
                let scopes = security[0]["api_key"].as_array();
                let scopes = scopes.unwrap_or_else(|| panic!("{method} {path} documents no key"));
                assert_eq!(security[1]["bearer"], json!(scopes), "{method} {path}");
                let scope = scopes.first().map(|scope| scope.as_str().unwrap().to_owned());
                let path = path
                    .replace("{iccid}", ICCID)
                    .replace("{id}", &uuid::Uuid::from_u128(7).to_string());
                routes.push((method.to_uppercase(), path, scope));
            }
        }
    }
    assert_eq!(open, ["post /api/v1/auth/login", "post /api/v1/auth/refresh"]);
    assert!(routes.len() >= 6, "{routes:?}");
    routes
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_refuses_no_key_a_bad_key_and_a_missing_scope() {
    let app = App::start().await;
    app.world.sims.put(sim(ICCID, 1, "pump"));
    let made_up = format!("sw_abcdefgh_{}", "s".repeat(43));
    let unknown = app.world.key_for(&[Permission::Admin], None).await;
    app.world.as_owner("DELETE FROM gateway.api_keys").await.unwrap();
    for (method, path, scope) in protected_routes() {
        let needed: Option<Permission> = scope.map(|scope| scope.parse().unwrap());
        let ask = |header: Option<(&'static str, String)>| {
            let mut request = app.gateway.request(&method, &path).json(&json!({}));
            // The stream of events would have no end.
            request = request.header("Last-Event-ID", "none");
            if let Some((name, value)) = header {
                request = request.header(name, value);
            }
            send(request)
        };
        let with = |key: &str| ask(Some(("X-API-Key", key.to_owned())));
        assert_eq!(
            ask(None).await.expect(401).code(),
            "UNAUTHORIZED",
            "{method} {path}"
        );
        for bad in [unknown.as_str(), made_up.as_str(), "nonsense", ""] {
            let answer = with(bad).await.expect(401);
            assert_eq!(answer.code(), "INVALID_API_KEY", "{method} {path} {bad}");
        }
        for bad in ["Bearer nonsense", "Bearer", "Basic YTpi", ""] {
            let answer = ask(Some(("Authorization", bad.to_owned()))).await.expect(401);
            assert_eq!(answer.code(), "UNAUTHORIZED", "{method} {path} {bad}");
        }
        let Some(needed) = needed else {
            let any = app.world.key_for(&[Permission::SendSms], None).await;
            assert_ne!(with(&any).await.status, 401, "{method} {path}");
            continue;
        };
        let others: Vec<Permission> = Permission::ALL
            .into_iter()
            .filter(|other| ![needed, Permission::Admin].contains(other))
            .collect();
        let lacking = app.world.key_for(&others, None).await;
        let having = app.world.key_for(&[needed], None).await;
        let answer = with(&lacking).await.expect(403);
        assert_eq!(answer.code(), "FORBIDDEN", "{method} {path}");
        let answer = with(&having).await;
        let nothing_there = answer.status == 404 && path.contains("00000007");
        assert!(
            matches!(answer.status, 200 | 202 | 415 | 422) || nothing_there,
            "{method} {path}: {}",
            answer.text
        );
    }
}
