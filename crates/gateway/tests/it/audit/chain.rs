//! The chain of the audit log: what the service's login may do, and what shows when somebody with more rights did it.

use domain::OrganizationId;
use gateway::Permission;
use gateway::audit::{self, ChainReport};
use gateway::keys::NewKey;
use sqlx::Row;
use test_support::Scope;
use uuid::Uuid;

use crate::harness::{App, World};

const INSERT: &str = "INSERT INTO audit_log (id, actor_kind, actor_id, action, subject, request_id) \
                      VALUES (gen_random_uuid(), 'cli', 'test', 'test.act', 'x', 'r')";

/// Keys are made and each writes a row.
async fn world_with_rows(rows: usize) -> World {
    let world = World::new().await;
    for _ in 0..rows {
        world.key(NewKey::new("test", vec![Permission::ReadSims])).await;
    }
    world
}

async fn verify(world: &World) -> ChainReport {
    audit::verify(&world.db, None).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_chained_in_the_order_of_their_time_whoever_writes_at_once() {
    let world = world_with_rows(1).await;
    let writers = (0..8).map(|_| {
        let pool = world.db.pool().clone();
        tokio::spawn(async move {
            for _ in 0..25 {
                sqlx::query(INSERT).execute(&pool).await.unwrap();
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }

    let report = verify(&world).await;
    assert_eq!(
        (report.checked, report.head_seq, report.first_bad_seq),
        (201, 201, None)
    );
    let in_order: bool = sqlx::query_scalar(
        "SELECT bool_and(at >= before) FROM (SELECT at, lag(at) OVER (ORDER BY seq) AS before FROM audit_log) rows \
         WHERE before IS NOT NULL",
    )
    .fetch_one(world.db.pool())
    .await
    .unwrap();
    assert!(in_order);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_services_login_adds_rows_and_changes_none() {
    let world = world_with_rows(1).await;
    // Rights that are taken stay taken when somebody migrates once more.
    gateway::SERVICE.migrate(&world.config.database).await.unwrap();
    for refused in [
        "UPDATE audit_log SET subject = 'x'",
        "DELETE FROM audit_log",
        "TRUNCATE audit_log",
        "ALTER TABLE audit_log DISABLE TRIGGER ALL",
        "DROP TRIGGER audit_log_chain ON audit_log",
        "SET session_replication_role = replica",
        "CREATE TRIGGER mine BEFORE INSERT ON audit_log FOR EACH ROW EXECUTE FUNCTION chain_audit_row()",
        "SELECT forget_audit(now())",
        "UPDATE audit_head SET seq = 0",
        "DELETE FROM audit_head",
        "INSERT INTO audit_head (seq, hash, at, forgotten_hash) VALUES (0, '', now(), '')",
        "SELECT * FROM audit_head FOR UPDATE",
        "INSERT INTO audit_log SELECT * FROM audit_log ON CONFLICT (id) DO UPDATE SET subject = 'x'",
    ] {
        let error = sqlx::query(refused).execute(world.db.pool()).await.unwrap_err();
        let code = error
            .as_database_error()
            .and_then(|error| error.code().map(|code| code.into_owned()));
        assert_eq!(code.as_deref(), Some("42501"), "{refused}: {error}");
    }
    let mut connection = world.db.pool().acquire().await.unwrap();
    sqlx::query("CREATE TEMP TABLE bait (LIKE audit_log)")
        .execute(&mut *connection)
        .await
        .unwrap();
    let hang = "CREATE TRIGGER bait BEFORE INSERT ON bait FOR EACH ROW EXECUTE FUNCTION chain_audit_row()";
    sqlx::query(hang).execute(&mut *connection).await.unwrap_err();
    assert_eq!(verify(&world).await.first_bad_seq, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn place_time_and_hash_are_the_triggers_whatever_a_writer_says() {
    let world = world_with_rows(1).await;
    sqlx::query(
        "INSERT INTO audit_log (id, at, actor_kind, actor_id, action, subject, request_id, seq, prev_hash, hash) \
         VALUES (gen_random_uuid(), '2001-01-01', 'cli', 'test', 'test.act', 'x', 'r', 99, '\\x00', '\\x00')",
    )
    .execute(world.db.pool())
    .await
    .unwrap();

    let row = sqlx::query(
        "SELECT seq, octet_length(hash) AS bytes, at > '2002-01-01' AS now FROM audit_log WHERE seq > 1",
    )
    .fetch_one(world.db.pool())
    .await
    .unwrap();
    assert_eq!((row.get::<i64, _>("seq"), row.get::<i32, _>("bytes")), (2, 32));
    assert!(row.get::<bool, _>("now"));
    assert_eq!(verify(&world).await.checked, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_is_there_or_is_rolled_back_leaves_the_chain_where_it_is() {
    let world = world_with_rows(2).await;
    let again = "INSERT INTO audit_log (id, actor_kind, actor_id, action, subject, request_id) \
                 SELECT id, 'cli', 'other', 'test.act', 'x', 'r' FROM audit_log ON CONFLICT DO NOTHING";
    let written = sqlx::query(again).execute(world.db.pool()).await.unwrap();
    assert_eq!(written.rows_affected(), 0);
    let mut transaction = world.db.pool().begin().await.unwrap();
    sqlx::query(INSERT).execute(&mut *transaction).await.unwrap();
    transaction.rollback().await.unwrap();
    sqlx::query(INSERT).execute(world.db.pool()).await.unwrap();

    let report = verify(&world).await;
    assert_eq!(
        (report.checked, report.head_seq, report.first_bad_seq),
        (3, 3, None)
    );
}

/// What an owner can do who switches the triggers off, and the row at which it shows.
#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_done_to_a_row_shows_at_that_row() {
    let swap =
        "UPDATE gateway.audit_log SET seq = CASE seq WHEN 3 THEN 103 WHEN 4 THEN 3 END WHERE seq IN (3, 4)";
    let cases: [(&[&'static str], i64); 8] = [
        (&["DELETE FROM gateway.audit_log WHERE seq = 4"], 4),
        (
            &["UPDATE gateway.audit_log SET details = '{\"a\":1}' WHERE seq = 3"],
            3,
        ),
        (
            &["UPDATE gateway.audit_log SET at = at - interval '1 microsecond' WHERE seq = 5"],
            5,
        ),
        (
            &["UPDATE gateway.audit_log SET subjects = '{8988999000000000017}' WHERE seq = 2"],
            2,
        ),
        (&["DELETE FROM gateway.audit_log WHERE seq > 4"], 5),
        (&["DELETE FROM gateway.audit_log WHERE seq = 1"], 1),
        (&[swap, "UPDATE gateway.audit_log SET seq = 4 WHERE seq = 103"], 3),
        (
            &[
                "INSERT INTO gateway.audit_log (id, actor_kind, actor_id, action, subject, request_id, seq, prev_hash, hash) \
               SELECT gen_random_uuid(), 'cli', 'x', 'x', 'x', 'x', 7, hash, hash FROM gateway.audit_log WHERE seq = 6",
            ],
            7,
        ),
    ];
    for (statements, first_bad) in cases {
        let world = world_with_rows(6).await;
        assert_eq!(verify(&world).await.first_bad_seq, None);
        world
            .as_owner("ALTER TABLE gateway.audit_log DISABLE TRIGGER USER")
            .await
            .unwrap();
        for statement in statements {
            world.as_owner(statement).await.unwrap();
        }
        world
            .as_owner("ALTER TABLE gateway.audit_log ENABLE TRIGGER USER")
            .await
            .unwrap();

        let report = verify(&world).await;
        assert_eq!(report.first_bad_seq, Some(first_bad), "{statements:?}");
        assert_eq!(report.head_seq, 6);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hash_made_anew_shows_at_the_next_row_or_at_the_head() {
    for (seq, first_bad) in [(3, 4), (6, 6)] {
        let world = world_with_rows(6).await;
        world
            .as_owner("ALTER TABLE gateway.audit_log DISABLE TRIGGER USER")
            .await
            .unwrap();
        for statement in ["SET details = '{}'", "SET hash = gateway.audit_hash(a)"] {
            let statement = format!("UPDATE gateway.audit_log a {statement} WHERE seq = {seq}");
            world.as_owner(statement.leak()).await.unwrap();
        }

        assert_eq!(verify(&world).await.first_bad_seq, Some(first_bad));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_owner_forgets_is_no_break() {
    let world = world_with_rows(6).await;
    let forget: String = sqlx::query_scalar(
        "SELECT format('SELECT gateway.forget_audit(%L)', at) FROM audit_log WHERE seq = 4",
    )
    .fetch_one(world.db.pool())
    .await
    .unwrap();
    world.as_owner(forget.leak()).await.unwrap();

    let report = verify(&world).await;
    assert_eq!(
        (report.first_seq, report.checked, report.first_bad_seq),
        (4, 3, None)
    );
    sqlx::query(INSERT).execute(world.db.pool()).await.unwrap();
    assert_eq!(verify(&world).await.checked, 4);
    let refused = world.as_owner("DELETE FROM gateway.audit_log").await;
    refused.expect_err("the log is append-only again");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_platform_verifies_and_is_told_where_the_chain_breaks() {
    let app = App::start().await;
    let key = app.world.key_for(&[Permission::ReadAudit], None).await;
    let own = app
        .world
        .key_for(&[Permission::ReadAudit], Some(OrganizationId::DEFAULT))
        .await;
    let path = "/api/v1/audit-log/verify";

    app.gateway.get(path, &own).await.expect(403);
    let verdict = app.gateway.get(path, &key).await.expect(200).body["data"].clone();
    assert_eq!(verdict["ok"], true);
    assert_eq!(
        (&verdict["checked"], &verdict["head_seq"]),
        (&2.into(), &2.into())
    );
    assert_eq!(verdict["head_hash"].as_str().unwrap().len(), 64);
    app.world
        .as_owner("ALTER TABLE gateway.audit_log DISABLE TRIGGER USER")
        .await
        .unwrap();
    let forge = format!(
        "UPDATE gateway.audit_log SET actor_id = '{}' WHERE seq = 1",
        Uuid::now_v7()
    );
    app.world.as_owner(forge.leak()).await.unwrap();
    let verdict = app.gateway.get(path, &key).await.expect(200).body["data"].clone();
    assert_eq!(
        (&verdict["ok"], &verdict["first_bad_seq"]),
        (&false.into(), &1.into())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_from_before_the_chain_are_chained_by_their_time() {
    let mut owner = Scope::new().await.connection().await;
    for step in [
        "CREATE SCHEMA gateway; SET search_path TO gateway, public",
        include_str!("../../../src/migrations/m0001_identity.sql"),
        "INSERT INTO audit_log (id, at, actor_kind, actor_id, action, subject, request_id) \
         SELECT gen_random_uuid(), now() - i % 7 * interval '1 hour', 'cli', 'test', 'test.act', i, 'r' \
         FROM generate_series(1, 50) i",
        include_str!("../../../src/migrations/m0004_audit_chain.sql"),
        INSERT,
    ] {
        sqlx::raw_sql(step).execute(&mut owner).await.unwrap();
    }

    let row = sqlx::query("SELECT checked, first_bad_seq FROM verify_audit(1, 1000)")
        .fetch_one(&mut owner)
        .await
        .unwrap();
    assert_eq!((row.get(0), row.get(1)), (51_i64, None::<i64>));
    let in_order: bool = sqlx::query_scalar(
        "SELECT array_agg(seq ORDER BY at, id) = array_agg(seq ORDER BY seq) FROM audit_log",
    )
    .fetch_one(&mut owner)
    .await
    .unwrap();
    assert!(in_order);
}
