use std::time::Duration;

use chrono::Utc;
use domain::{OrganizationId, Scope};
use gateway::Permission;
use gateway::keys::{self, NewKey};
use secrecy::ExposeSecret;
use serde_json::json;
use sqlx::Connection;

use crate::harness::{App, ICCID, World, path, plenty, send, sim, until};

#[tokio::test(flavor = "multi_thread")]
async fn one_changed_character_makes_a_key_invalid() {
    let app = App::start().await;
    let key = app.world.key_for(&[Permission::Admin], None).await;
    app.gateway.get("/api/v1/sims", &key).await.expect(200);
    let last = if key.ends_with('x') { 'y' } else { 'x' };
    let forged = format!("{}{last}", &key[..key.len() - 1]);
    assert_eq!(
        app.gateway.get("/api/v1/sims", &forged).await.expect(401).code(),
        "INVALID_API_KEY"
    );
    let longer = format!("{key}x");
    app.gateway.get("/api/v1/sims", &longer).await.expect(401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_key_is_refused_by_a_running_gateway() {
    let app = App::start().await;
    let new = NewKey {
        organization: Some(OrganizationId::DEFAULT),
        ..plenty(&[Permission::Admin])
    };
    let created = app.world.key(new).await;
    let key = created.key.expose_secret().to_owned();
    app.gateway.get("/api/v1/sims", &key).await.expect(200);
    let id = created.id.to_string();
    let (one, two) = tokio::join!(
        keys::revoke(&app.world.db, &id, "test"),
        keys::revoke(&app.world.db, &created.prefix, "test")
    );
    assert_ne!(one.unwrap(), two.unwrap(), "one of two revokes it");
    let organizations: Vec<Option<uuid::Uuid>> =
        sqlx::query_scalar("SELECT organization_id FROM audit_log WHERE action = 'api_key.revoke'")
            .fetch_all(app.world.db.pool())
            .await
            .unwrap();
    assert_eq!(organizations, [Some(OrganizationId::DEFAULT.0)]);
    until("the key is refused", async || {
        match app.gateway.get("/api/v1/sims", &key).await {
            answer if answer.status == 401 => Ok(()),
            answer => Err(answer.status),
        }
    })
    .await;
    assert!(
        !keys::revoke(&app.world.db, &created.prefix, "test")
            .await
            .unwrap()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_key_is_refused() {
    let app = App::start().await;
    let key = app
        .world
        .expiring_key(Utc::now() + chrono::Duration::hours(1))
        .await;
    app.gateway.get("/api/v1/sims", &key).await.expect(200);
    let expire = "UPDATE gateway.api_keys SET expires_at = now() - interval '1 second'";
    app.world.as_owner(expire).await.unwrap();
    until("the key is refused", async || {
        match app.gateway.get("/api/v1/sims", &key).await {
            answer if answer.code() == "INVALID_API_KEY" => Ok(()),
            answer => Err(answer.status),
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_in_the_address_counts_only_where_it_is_allowed() {
    let refusing = App::start().await;
    let key = refusing.world.key_for(&[Permission::ReadSims], None).await;
    let address = format!("/api/v1/sims?api_key={key}");
    let answer = send(refusing.gateway.request("GET", &address)).await;
    assert_eq!(answer.expect(401).code(), "UNAUTHORIZED");

    let allowing = App::start_with(|config| config.keys.allow_query_key = true).await;
    let key = allowing.world.key_for(&[Permission::ReadSims], None).await;
    let address = format!("/api/v1/sims?api_key={key}");
    send(allowing.gateway.request("GET", &address)).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn uses_are_counted_and_an_orderly_end_loses_none() {
    let app = App::start_with(|config| config.keys.key_usage_flush_ms = 3_600_000).await;
    let key = app.world.key_for(&[Permission::ReadSims], None).await;
    for _ in 0..7 {
        app.gateway.get("/api/v1/sims", &key).await.expect(200);
    }
    let before = keys::list(&app.world.db, None).await.unwrap();
    assert_eq!((before[0].usage_count, before[0].last_used_at), (0, None));
    let crate::harness::App { world, gateway } = app;
    let shutdown = gateway.shared.shutdown.clone();
    drop(gateway);
    assert!(shutdown.finish(Duration::from_secs(15)).await);
    let after = keys::list(&world.db, None).await.unwrap();
    assert_eq!(after[0].usage_count, 7);
    assert!(after[0].last_used_at.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn another_organizations_sim_does_not_exist() {
    let app = App::start().await;
    app.world.sims.put(sim(ICCID, 1, "pump"));
    let other = app.world.organization().await;
    let scopes = [Permission::ReadSims, Permission::WriteSims];
    let foreign = app.world.key_for(&scopes, Some(other)).await;
    let own = app.world.key_for(&scopes, Some(OrganizationId::DEFAULT)).await;
    assert_eq!(
        app.gateway.get(&path(ICCID), &foreign).await.expect(404).code(),
        "NOT_FOUND"
    );
    app.gateway.get(&path(ICCID), &own).await.expect(200);
    // Now it is cached.
    assert_eq!(
        app.gateway.get(&path(ICCID), &foreign).await.expect(404).code(),
        "NOT_FOUND"
    );
    app.gateway
        .get(&format!("{}/status", path(ICCID)), &foreign)
        .await
        .expect(404);
    let change = json!({ "label": "mine" });
    app.gateway.put(&path(ICCID), &foreign, change).await.expect(404);

    app.gateway.get("/api/v1/sims", &foreign).await.expect(200);
    let asked = app.world.sims.state().lists.pop().unwrap();
    assert_eq!(asked.scope, Some(Scope::Organization(other).into()));
    let wanted = format!("/api/v1/sims?organization_id={}", OrganizationId::DEFAULT);
    assert_eq!(
        app.gateway.get(&wanted, &foreign).await.expect(403).code(),
        "FORBIDDEN"
    );
    app.gateway.get(&wanted, &own).await.expect(200);

    let sync = "/api/v1/sync/sims";
    app.gateway.post(sync, &own, json!({})).await.expect(403);
    let numbers = app.gateway.get("/api/v1/sync/status", &own).await.expect(403);
    assert_eq!(numbers.code(), "FORBIDDEN");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_cannot_be_looked_up_is_neither_good_nor_bad() {
    let app = App::start().await;
    let key = app.world.key_for(&[Permission::Admin], None).await;
    let rename = "ALTER TABLE gateway.api_keys RENAME TO hidden";
    app.world.as_owner(rename).await.unwrap();
    let answer = app.gateway.get("/api/v1/sims", &key).await.expect(503);
    assert_eq!(answer.code(), "SERVICE_UNAVAILABLE");
    assert!(!answer.text.contains("api_keys"), "{}", answer.text);
    let back = "ALTER TABLE gateway.hidden RENAME TO api_keys";
    app.world.as_owner(back).await.unwrap();
    app.gateway.get("/api/v1/sims", &key).await.expect(200);
}

/// From here on a look for a key called `unknown` waits for the advisory lock 7, and no other look does.
const HOLD_UNKNOWN_KEYS: &str = "
    UPDATE gateway.api_keys SET key_hash = decode(repeat('00', 32), 'hex') WHERE name = 'unknown';
    ALTER TABLE gateway.api_keys RENAME TO stored_keys;
    CREATE FUNCTION gateway.hold() RETURNS boolean VOLATILE LANGUAGE sql
        AS 'SELECT true FROM pg_advisory_xact_lock_shared(7)';
    CREATE VIEW gateway.api_keys AS
        SELECT * FROM gateway.stored_keys WHERE name <> 'unknown' OR gateway.hold();
    GRANT SELECT, UPDATE ON gateway.api_keys TO PUBLIC;
    SELECT pg_advisory_lock(7)";

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_unknown_keys_leaves_connections_and_turns_to_the_good_one() {
    let mut world = World::new().await;
    world.config.database.acquire_timeout_ms = 60_000;
    let mut config = world.gateway_config();
    // Every request looks its key up again.
    config.keys.key_ttl_ms = 1;
    let gateway = world.start(config).await;
    let key = world.key_for(&[Permission::Admin], None).await;
    gateway.get("/api/v1/sims", &key).await.expect(200);
    let mut unknown = Vec::new();
    for _ in 0..60 {
        let new = NewKey::new("unknown", vec![Permission::Admin]);
        unknown.push(world.key(new).await.key.expose_secret().to_owned());
    }
    let owner = world.config.database.url.expose_secret();
    let mut owner = sqlx::PgConnection::connect(owner).await.unwrap();
    sqlx::raw_sql(HOLD_UNKNOWN_KEYS)
        .execute(&mut owner)
        .await
        .unwrap();
    let flood: Vec<_> = unknown
        .into_iter()
        .map(|unknown| {
            gateway
                .request("GET", "/api/v1/sims")
                .header("X-API-Key", unknown)
        })
        .map(|request| tokio::spawn(send(request)))
        .collect();
    let allowed = i64::from(world.config.database.max_connections) / 4;
    let waiting = async || -> i64 {
        let waiting = "SELECT count(*) FROM pg_stat_activity
            WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%api_keys%'";
        let found = sqlx::query_scalar(waiting).fetch_one(world.db.pool()).await;
        found.unwrap()
    };
    until("the looks wait", async || match waiting().await {
        looks if looks >= allowed => Ok(()),
        looks => Err(looks),
    })
    .await;
    for _ in 0..10 {
        gateway
            .post("/api/v1/sync/sims", &key, json!({}))
            .await
            .expect(202);
    }
    assert_eq!(waiting().await, allowed);
    owner.close().await.unwrap();
    for answer in flood {
        assert_eq!(answer.await.unwrap().expect(401).code(), "INVALID_API_KEY");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_does_not_answer_costs_an_answer_and_no_hanging_request() {
    let mut world = World::new().await;
    world.config.database.acquire_timeout_ms = 1000;
    world.config.database.statement_timeout_ms = 600_000;
    let gateway = world.start(world.gateway_config()).await;
    let key = world.key_for(&[Permission::Admin], None).await;
    world.sims.put(sim(ICCID, 1, "pump"));
    let owner = world.config.database.url.expose_secret();
    let mut owner = sqlx::PgConnection::connect(owner).await.unwrap();
    for table in ["api_keys", "audit_log"] {
        let mut lock = owner.begin().await.unwrap();
        let statement = format!("LOCK TABLE gateway.{table} IN ACCESS EXCLUSIVE MODE");
        sqlx::raw_sql(sqlx::AssertSqlSafe(statement))
            .execute(&mut *lock)
            .await
            .unwrap();
        let address = path(ICCID);
        let ask = gateway.put(&address, &key, json!({ "label": "x" }));
        let answer = tokio::time::timeout(Duration::from_secs(60), ask).await;
        let answer = answer.expect("the request hangs").expect(503);
        assert_eq!(answer.code(), "SERVICE_UNAVAILABLE", "{table}");
        lock.rollback().await.unwrap();
        until("the key is good again", async || {
            match gateway.get("/api/v1/sims", &key).await {
                answer if answer.status == 200 => Ok(()),
                answer => Err(answer.text),
            }
        })
        .await;
    }
    assert!(world.sims.state().updates.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_made_only_with_a_name_a_scope_and_a_future_and_never_stored() {
    let world = crate::harness::World::new().await;
    let (db, secret) = (&world.db, crate::harness::SECRET.to_owned().into());
    let good = NewKey::new("test", vec![Permission::Admin, Permission::Admin]);
    let bad = [
        NewKey::new(" ", vec![Permission::Admin]),
        NewKey::new("test", vec![]),
        NewKey {
            expires_at: Some(Utc::now()),
            ..good.clone()
        },
        NewKey {
            rate_limit_per_hour: 0,
            ..good.clone()
        },
    ];
    for new in bad {
        assert!(keys::create(db, &secret, new).await.is_err());
    }
    let created = keys::create(db, &secret, good).await.unwrap();
    let listed = keys::list(db, None).await.unwrap();
    assert_eq!((listed.len(), listed[0].id), (1, created.id));
    assert_eq!(listed[0].scopes, ["admin"]);
    let stored: String = sqlx::query_scalar(
        "SELECT row_to_json(k)::text || (SELECT json_agg(a)::text FROM audit_log a) FROM api_keys k",
    )
    .fetch_one(db.pool())
    .await
    .unwrap();
    let (_, hidden) = created.key.expose_secret().rsplit_once('_').unwrap();
    assert!(stored.contains(&created.prefix) && !stored.contains(hidden));
    assert!(
        keys::list(db, Some(world.organization().await))
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_refuses_a_short_secret_and_an_old_schema() {
    let world = crate::harness::World::new().await;
    let mut config = world.gateway_config();
    config.keys.key_secret = "short".to_owned().into();
    let error = world.try_start(config).await.unwrap_err();
    assert!(error.to_string().contains("SIMWARD_KEY_SECRET"), "{error}");
    world
        .as_owner("DELETE FROM gateway.seaql_migrations")
        .await
        .unwrap();
    let error = world.try_start(world.gateway_config()).await.unwrap_err();
    assert!(error.to_string().contains("migrate"), "{error}");
}
