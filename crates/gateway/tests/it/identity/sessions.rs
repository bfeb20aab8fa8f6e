use domain::OrganizationId;
use gateway::Permission;
use serde_json::{Value, json};

use crate::harness::{App, send, until};
use crate::people::{ME, PASSWORD, bad_fields, session};

#[tokio::test(flavor = "multi_thread")]
async fn a_login_by_name_or_address_gives_tokens_that_are_believed() {
    let app = App::start().await;
    let id = app.world.admin("ada", None).await;
    for body in [
        json!({ "username": "ada", "password": PASSWORD }),
        json!({ "username": "Ada@Example.org", "password": PASSWORD }),
        json!({ "email": "ada@example.org", "password": PASSWORD }),
    ] {
        let answer = app.gateway.say("/api/v1/auth/login", body).await.expect(200);
        let data = &answer.body["data"];
        assert_eq!(
            (&data["token_type"], &data["expires_in"]),
            (&json!("Bearer"), &json!(1800))
        );
        assert_eq!(data["user"]["id"], json!(id));
        assert!(data["user"]["last_login_at"].is_string());
        let session = session(&answer);
        assert!(session.refresh.starts_with("swr_") && session.refresh.len() == 47);
        let me = app.gateway.me(&session.access).await.expect(200).body["data"].clone();
        assert_eq!((&me["kind"], &me["id"]), (&json!("user"), &json!(id)));
        assert_eq!((&me["username"], &me["role"]), (&json!("ada"), &json!("admin")));
        assert_eq!(me["permissions"].as_array().unwrap().len(), Permission::ALL.len());
    }
    let logins = app.world.audited("session.login").await;
    assert_eq!(logins.len(), 3);
    assert_eq!(
        (&logins[0].0, &logins[0].1),
        (&format!("user:{id}"), &id.to_string())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_sees_itself_and_has_neither_session_nor_password() {
    let app = App::start().await;
    let scopes = [Permission::ReadSims];
    let key = app.world.key_for(&scopes, Some(OrganizationId::DEFAULT)).await;
    let me = app.gateway.get(ME, &key).await.expect(200).body["data"].clone();
    assert_eq!((&me["kind"], &me["name"]), (&json!("api_key"), &json!("test")));
    assert_eq!(me["permissions"], json!(["read:sims"]));
    assert_eq!(me["organization_id"], json!(OrganizationId::DEFAULT.0));
    app.gateway
        .post("/api/v1/auth/logout", &key, json!({}))
        .await
        .expect(403);
    let body = json!({ "current_password": PASSWORD, "new_password": PASSWORD });
    app.gateway
        .put("/api/v1/auth/password", &key, body)
        .await
        .expect(403);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_credentials_at_once_are_none() {
    let app = App::start().await;
    app.world.admin("ada", None).await;
    let (key, ada) = (app.world.admin_key().await, app.gateway.login("ada").await);
    let both = app
        .gateway
        .request("GET", ME)
        .header("X-API-Key", &key)
        .bearer_auth(&ada.access);
    let answer = send(both).await.expect(401);
    let message = answer.body["error"]["message"].as_str().unwrap();
    assert!(message.contains("X-API-Key") && message.contains("Authorization"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_name_a_wrong_password_and_an_inactive_user_get_the_same_answer() {
    let app = App::start().await;
    app.world.admin("ada", None).await;
    let key = app.world.admin_key().await;
    let bob = app.gateway.make_user(&key, "bob", "user", None).await;
    let path = format!("/api/v1/users/{bob}");
    app.gateway
        .put(&path, &key, json!({ "is_active": false }))
        .await
        .expect(200);
    let mut seen = Vec::new();
    for (name, password) in [
        ("nobody", PASSWORD),
        ("ada", "wrong password"),
        ("bob", PASSWORD),
        ("ada", ""),
    ] {
        let answer = app.gateway.try_login(name, password).await.expect(401);
        seen.push(answer.body["error"].clone());
    }
    assert!(seen.iter().all(|error| *error == seen[0]), "{seen:?}");
    let failures = app.world.audited("session.login_failed").await;
    let subjects: Vec<_> = failures
        .iter()
        .map(|(actor, subject, _)| (actor.as_str(), subject.len()))
        .collect();
    assert_eq!(
        subjects,
        [("anonymous:", 7), ("anonymous:", 36), ("anonymous:", 36)],
        "one row a minute and account, no unknown name in it"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_token_counts_once_and_its_reuse_ends_the_session() {
    let app = App::start().await;
    app.world.admin("ada", None).await;
    let (first, other) = (app.gateway.login("ada").await, app.gateway.login("ada").await);
    let answer = app.gateway.refresh(&first.refresh).await.expect(200);
    let data = &answer.body["data"];
    let (access, refresh) = (
        data["access_token"].as_str().unwrap(),
        data["refresh_token"].as_str().unwrap(),
    );
    app.gateway.me(access).await.expect(200);

    let reuse = app.gateway.refresh(&first.refresh).await.expect(401);
    assert_eq!(reuse.code(), "UNAUTHORIZED");
    until("the access token is refused", async || {
        match app.gateway.me(access).await {
            answer if answer.status == 401 => Ok(()),
            answer => Err(answer.status),
        }
    })
    .await;
    app.gateway.refresh(refresh).await.expect(401);
    app.gateway.me(&other.access).await.expect(200);
    assert_eq!(app.world.audited("session.reuse").await.len(), 1);
    let unknown = format!("swr_{}", "x".repeat(43));
    app.gateway.refresh(&unknown).await.expect(401);
    app.gateway.refresh("nonsense").await.expect(401);
    let text = send(app.gateway.request("GET", "/metrics")).await.text;
    for line in [
        "simward_logins_total{result=\"ok\"} 2",
        "simward_sessions_total{event=\"refreshed\"} 1",
        "simward_sessions_total{event=\"reused\"} 1",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_refreshes_at_once_one_wins_and_the_other_is_reuse() {
    let app = App::start().await;
    app.world.admin("ada", None).await;
    let ada = app.gateway.login("ada").await;
    let (one, two) = tokio::join!(
        app.gateway.refresh(&ada.refresh),
        app.gateway.refresh(&ada.refresh)
    );
    let mut statuses = [one.status, two.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 401]);
    let won = if one.status == 200 { one } else { two };
    let refresh = won.body["data"]["refresh_token"].as_str().unwrap();
    app.gateway.refresh(refresh).await.expect(401);
    assert_eq!(app.world.audited("session.reuse").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_refresh_token_is_refused() {
    let app = App::start().await;
    app.world.admin("ada", None).await;
    let ada = app.gateway.login("ada").await;
    let age = "UPDATE gateway.refresh_tokens SET expires_at = now() - interval '1 second'";
    app.world.as_owner(age).await.unwrap();
    app.gateway.refresh(&ada.refresh).await.expect(401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_logout_ends_the_session_on_every_replica_and_no_other_session() {
    let app = App::start().await;
    app.world.admin("ada", None).await;
    let replica = app.world.start(app.world.gateway_config()).await;
    let (ada, other) = (app.gateway.login("ada").await, app.gateway.login("ada").await);
    replica.me(&ada.access).await.expect(200);
    let ended = app
        .gateway
        .ask("POST", "/api/v1/auth/logout", &ada.access, Value::Null)
        .await
        .expect(200);
    assert_eq!(ended.body["data"]["sessions_ended"], 1);
    app.gateway.me(&ada.access).await.expect(401);
    until("the other replica refuses it", async || {
        match replica.me(&ada.access).await {
            answer if answer.status == 401 => Ok(()),
            answer => Err(answer.status),
        }
    })
    .await;
    replica.refresh(&ada.refresh).await.expect(401);
    replica.me(&other.access).await.expect(200);
    assert_eq!(app.world.audited("session.logout").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_password_ends_the_other_sessions() {
    let app = App::start().await;
    app.world.admin("ada", None).await;
    let (own, other) = (app.gateway.login("ada").await, app.gateway.login("ada").await);
    let path = "/api/v1/auth/password";
    let new = "another pass phrase";
    let wrong = json!({ "current_password": "wrong password", "new_password": new });
    let answer = app.gateway.ask("PUT", path, &own.access, wrong).await.expect(422);
    assert_eq!(bad_fields(&answer), ["current_password"]);
    let short = json!({ "current_password": PASSWORD, "new_password": "short" });
    let answer = app.gateway.ask("PUT", path, &own.access, short).await.expect(422);
    assert_eq!(bad_fields(&answer), ["new_password"]);

    let right = json!({ "current_password": PASSWORD, "new_password": new });
    let answer = app.gateway.ask("PUT", path, &own.access, right).await.expect(200);
    assert_eq!(answer.body["data"]["sessions_ended"], 1);
    until("the other session ends", async || {
        match app.gateway.me(&other.access).await {
            answer if answer.status == 401 => Ok(()),
            answer => Err(answer.status),
        }
    })
    .await;
    app.gateway.me(&own.access).await.expect(200);
    app.gateway.refresh(&own.refresh).await.expect(200);
    app.gateway.try_login("ada", PASSWORD).await.expect(401);
    app.gateway.try_login("ada", new).await.expect(200);
    assert_eq!(app.world.audited("user.password").await.len(), 1);
    let stored = app.world.everything_stored().await;
    for secret in [PASSWORD, new, &own.refresh, &own.refresh[4..], &own.access] {
        assert!(!stored.contains(secret));
    }
    assert!(stored.contains("$argon2id$"));
}
