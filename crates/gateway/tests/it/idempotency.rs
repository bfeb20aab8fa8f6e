use gateway::Permission;
use messages::ErrorCode;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use service_runtime::bus::RpcError;
use sqlx::Connection;

use crate::harness::{Answer, App, Gateway, World, send, until};

const SYNC: &str = "/api/v1/sync/sims";

async fn post(gateway: &Gateway, key: &str, once: &str, body: Value) -> Answer {
    let request = gateway.request("POST", SYNC).header("X-API-Key", key);
    send(request.header("Idempotency-Key", once).json(&body)).await
}

fn replayed(answer: &Answer) -> bool {
    answer.headers.contains_key("idempotent-replayed")
}

async fn id_of(world: &World) -> uuid::Uuid {
    sqlx::query_scalar("SELECT id FROM idempotency_keys")
        .fetch_one(world.db.pool())
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_gets_the_first_answer_and_does_nothing() {
    let app = App::start().await;
    let key = app.world.key_for(&[Permission::Admin], None).await;

    let first = post(&app.gateway, &key, "a-1", json!({})).await.expect(202);
    let second = post(&app.gateway, &key, "a-1", json!({})).await.expect(202);

    assert!(!replayed(&first) && replayed(&second));
    assert_eq!(second.headers["idempotent-replayed"], "true");
    assert_eq!(second.headers["content-type"], "application/json");
    assert_eq!(first.text, second.text);
    assert_eq!(app.world.sims.state().starts.len(), 1);
    // Nobody reads an answer in the table, for it may hold a new key.
    let stored: Vec<u8> = sqlx::query_scalar("SELECT answer FROM idempotency_keys")
        .fetch_one(app.world.db.pool())
        .await
        .unwrap();
    assert!(!String::from_utf8_lossy(&stored).contains("status_url"));

    let other = app.world.key_for(&[Permission::Admin], None).await;
    let answer = post(&app.gateway, &other, "a-1", json!({})).await.expect(202);
    assert!(!replayed(&answer), "a key of another caller is another key");
    post(&app.gateway, &key, "a-2", json!({})).await.expect(202);
    assert_eq!(app.world.sims.state().starts.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_belongs_to_one_request() {
    let app = App::start().await;
    let key = app.world.key_for(&[Permission::Admin], None).await;
    post(&app.gateway, &key, "a-1", json!({})).await.expect(202);

    let body = json!({ "account": "main" });
    let answer = post(&app.gateway, &key, "a-1", body).await.expect(409);
    assert_eq!(answer.code(), "CONFLICT");
    let elsewhere = app.gateway.request("POST", "/api/v1/sync/usage");
    let elsewhere = elsewhere
        .header("X-API-Key", &key)
        .header("Idempotency-Key", "a-1");
    send(elsewhere.json(&json!({}))).await.expect(409);
    assert_eq!(app.world.sims.state().starts.len(), 1);

    for bad in ["", "two words", &"x".repeat(256)] {
        let answer = post(&app.gateway, &key, bad, json!({})).await.expect(422);
        let field = &answer.body["error"]["details"]["fields"][0]["field"];
        assert_eq!(field, "Idempotency-Key", "{bad}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_at_once_one_does_the_work_and_both_have_its_answer() {
    let mut world = World::new().await;
    world.config.database.acquire_timeout_ms = 60_000;
    world.config.database.statement_timeout_ms = 60_000;
    let gateways = [
        world.start(world.gateway_config()).await,
        world.start(world.gateway_config()).await,
    ];
    let key = world.key_for(&[Permission::Admin], None).await;
    let mut owner = sqlx::PgConnection::connect(world.config.database.url.expose_secret())
        .await
        .unwrap();
    // The work writes into the audit log first.
    let mut held = owner.begin().await.unwrap();
    sqlx::query("LOCK TABLE gateway.audit_log IN ACCESS EXCLUSIVE MODE")
        .execute(&mut *held)
        .await
        .unwrap();
    let asked: Vec<_> = gateways
        .iter()
        .map(|gateway| {
            let (gateway, key) = (gateway.clone(), key.clone());
            tokio::spawn(async move { post(&gateway, &key, "a-1", json!({})).await })
        })
        .collect();
    let waiting = "SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%audit_log%'";
    until("the first waits in its work", async || {
        let waits: i64 = sqlx::query_scalar(waiting)
            .fetch_one(world.db.pool())
            .await
            .unwrap();
        if waits == 1 { Ok(()) } else { Err(waits) }
    })
    .await;
    held.rollback().await.unwrap();

    let mut replays = 0;
    for answer in asked {
        replays += usize::from(replayed(&answer.await.unwrap().expect(202)));
    }
    assert_eq!((replays, world.sims.state().starts.len()), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_whose_worker_died_is_free_after_its_lease_and_makes_the_same_thing() {
    let app = App::start().await;
    let key = app.world.key_for(&[Permission::Admin], None).await;
    post(&app.gateway, &key, "a-1", json!({})).await.expect(202);
    let id = id_of(&app.world).await;

    let working =
        "UPDATE gateway.idempotency_keys SET answer = NULL, lease_until = now() + interval '1 hour'";
    app.world.as_owner(working).await.unwrap();
    let answer = post(&app.gateway, &key, "a-1", json!({})).await.expect(409);
    assert!(answer.headers.contains_key("retry-after"), "{}", answer.text);
    assert_eq!(app.world.sims.state().starts.len(), 1);

    let died = "UPDATE gateway.idempotency_keys SET lease_until = now() - interval '1 second'";
    app.world.as_owner(died).await.unwrap();
    let answer = post(&app.gateway, &key, "a-1", json!({})).await.expect(202);
    assert!(!replayed(&answer));
    assert_eq!(app.world.sims.state().starts.len(), 2);
    assert_eq!(id_of(&app.world).await, id);
    assert!(replayed(&post(&app.gateway, &key, "a-1", json!({})).await));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_an_answer_and_a_failure_is_none() {
    let app = App::start().await;
    let key = app.world.key_for(&[Permission::Admin], None).await;
    let fail = |code| app.world.sims.state().error = code;
    fail(Some(RpcError::new(ErrorCode::Unavailable, "away")));
    post(&app.gateway, &key, "a-1", json!({})).await.expect(503);
    let id = id_of(&app.world).await;
    fail(Some(RpcError::new(ErrorCode::Conflict, "one is running")));
    let refused = post(&app.gateway, &key, "a-1", json!({})).await.expect(409);
    assert!(!replayed(&refused));
    assert_eq!(id_of(&app.world).await, id);
    fail(None);
    let again = post(&app.gateway, &key, "a-1", json!({})).await.expect(409);
    assert!(replayed(&again));
    assert_eq!(again.text, refused.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_table_nothing_is_done() {
    let app = App::start().await;
    let key = app.world.key_for(&[Permission::Admin], None).await;
    let hide = "ALTER TABLE gateway.idempotency_keys RENAME TO hidden";
    app.world.as_owner(hide).await.unwrap();
    let answer = post(&app.gateway, &key, "a-1", json!({})).await.expect(503);
    assert_eq!(answer.code(), "SERVICE_UNAVAILABLE");
    assert!(app.world.sims.state().starts.is_empty());
    app.gateway.post(SYNC, &key, json!({})).await.expect(202);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_day_a_key_is_new_and_its_row_goes() {
    let app = App::start().await;
    let key = app.world.key_for(&[Permission::Admin], None).await;
    let pass = "UPDATE gateway.idempotency_keys SET expires_at = expires_at - interval '24 hours'";
    post(&app.gateway, &key, "a-1", json!({})).await.expect(202);
    let id = id_of(&app.world).await;
    app.world.as_owner(pass).await.unwrap();
    let answer = post(&app.gateway, &key, "a-1", json!({ "account": "main" })).await;
    assert!(!replayed(&answer.expect(202)));
    assert_ne!(id_of(&app.world).await, id);

    app.world.as_owner(pass).await.unwrap();
    app.world.start(app.world.gateway_config()).await;
    until("the row is deleted", async || {
        let rows: i64 = sqlx::query_scalar("SELECT count(*) FROM idempotency_keys")
            .fetch_one(app.world.db.pool())
            .await
            .unwrap();
        if rows == 0 { Ok(()) } else { Err(rows) }
    })
    .await;
}
