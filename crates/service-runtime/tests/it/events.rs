use chrono::Utc;
use messages::{EVENTS, EventEnvelope, EventType};
use service_runtime::db::Step;
use service_runtime::lease::{self, Lease, LeaseError};
use service_runtime::outbox::{self, Outbox, OutboxBatch};
use service_runtime::{Runtime, Service, Shared};
use test_support::{Scope, Stack, eventually};
use uuid::Uuid;

/// A service with nothing but events and leases.
const SERVICE: Service = Service {
    process: "test",
    schema: "sim",
    steps: &[Step {
        name: "m0001_outbox",
        sql: &[outbox::TABLE_SQL, lease::TABLE_SQL],
    }],
    defaults: &[],
    short_names: &[],
};

async fn runtime(scope: &Scope) -> Runtime {
    let config = scope.runtime_config();
    SERVICE.migrate(&config.database).await.unwrap();
    let shared = Shared::start(config, "test").await.unwrap();
    Runtime::start(&shared, &SERVICE).await.unwrap()
}

/// The check's detail when it failed, and whether the service is ready.
async fn health(runtime: &Runtime, name: &str) -> (Option<String>, bool) {
    let report = runtime.health.report().await;
    let check = report.checks.iter().find(|check| check.name == name).unwrap();
    ((!check.ok).then(|| check.detail.clone()), report.ready)
}

#[tokio::test]
async fn events_that_do_not_leave_show_in_the_health_of_a_ready_service() {
    let scope = Scope::new().await;
    let runtime = runtime(&scope).await;
    assert_eq!(health(&runtime, "outbox").await, (None, true));

    sqlx::query(
        "INSERT INTO outbox (event_id, subject, headers, payload, created_at)
         VALUES (gen_random_uuid(), 'x', '{}', '', now() - interval '2 minutes')",
    )
    .execute(runtime.db.pool())
    .await
    .unwrap();

    let (detail, ready) = health(&runtime, "outbox").await;
    assert!(detail.unwrap().contains("waits"));
    assert!(ready);
}

#[tokio::test]
async fn a_lost_stream_shows_in_the_health_of_a_ready_service() {
    let scope = Scope::new().await;
    let runtime = runtime(&scope).await;
    let bus = &runtime.shared.bus;
    assert_eq!(health(&runtime, "jetstream").await, (None, true));

    let events = bus.subjects().stream(EVENTS.name);
    bus.jetstream().delete_stream(events).await.unwrap();

    let (detail, ready) = health(&runtime, "jetstream").await;
    assert!(detail.is_some() && ready);
}

#[tokio::test]
async fn events_outlive_the_death_of_the_database_and_of_nats() {
    let stack = Stack::up();
    let scope = Scope::on_stack(&stack).await;
    let runtime = runtime(&scope).await;
    let shared = &runtime.shared;
    let subjects = shared.bus.subjects();
    let outbox = Outbox::start(&runtime.db, &shared.bus, &shared.metrics, &shared.shutdown);

    let mut sent = Vec::new();
    for server in ["postgres", "nats"] {
        stack.kill(server).await;
        stack.start(server).await;
        let envelope = EventEnvelope {
            id: Uuid::new_v4(),
            event: EventType::SyncCompleted,
            source: "test",
            time: Utc::now(),
            iccid: None,
            organization: None,
        };
        eventually("the event is written", || async {
            let mut change = outbox.begin().await?;
            change.events.push(subjects, &envelope, Vec::new());
            Ok(change.commit().await?)
        })
        .await;
        sent.push(envelope.id.to_string());
    }

    let received = eventually("both events are stored", || async {
        let stream = shared
            .bus
            .jetstream()
            .get_stream(subjects.stream("EVENTS"))
            .await?;
        let mut ids = Vec::new();
        for place in 1..=stream.cached_info().state.last_sequence {
            let message = stream.get_raw_message(place).await?;
            ids.extend(message.headers.get("ce-id").map(ToString::to_string));
        }
        anyhow::ensure!(ids.len() == sent.len(), "{ids:?}");
        Ok(ids)
    })
    .await;
    assert_eq!(received, sent);
}

/// An event about nothing.
fn announce(events: &mut OutboxBatch, runtime: &Runtime) {
    let envelope = EventEnvelope {
        id: Uuid::now_v7(),
        event: EventType::SyncFailed,
        source: "test",
        time: Utc::now(),
        iccid: None,
        organization: None,
    };
    events.push(runtime.shared.bus.subjects(), &envelope, Vec::new());
}

#[tokio::test]
async fn a_change_and_its_event_commit_together_or_not_at_all() {
    let scope = Scope::new().await;
    let runtime = runtime(&scope).await;
    let shared = &runtime.shared;
    let pool = runtime.db.pool();
    let mut owner = scope.connection().await;
    sqlx::raw_sql(
        "CREATE TABLE sim.things (n int PRIMARY KEY); GRANT ALL ON ALL TABLES IN SCHEMA sim TO PUBLIC",
    )
    .execute(&mut owner)
    .await
    .unwrap();
    // A relay that is at its end already publishes nothing.
    shared.shutdown.start();
    let outbox = Outbox::start(&runtime.db, &shared.bus, &shared.metrics, &shared.shutdown);
    assert!(shared.shutdown.finish(std::time::Duration::from_secs(10)).await);
    let owner = Uuid::now_v7();
    let time = std::time::Duration::from_secs(60);
    let lease = Lease::acquire(&runtime.db, "things", owner, time)
        .await
        .unwrap()
        .unwrap();
    let stored = async || -> (i64, i64) {
        sqlx::query_as("SELECT (SELECT count(*) FROM things), (SELECT count(*) FROM outbox)")
            .fetch_one(pool)
            .await
            .unwrap()
    };

    let mut dropped = outbox.begin().await.unwrap();
    sqlx::query("INSERT INTO things VALUES (1)")
        .execute(&mut *dropped)
        .await
        .unwrap();
    announce(&mut dropped.events, &runtime);
    drop(dropped);
    assert_eq!(stored().await, (0, 0));

    let mut change = outbox.begin_under(&lease).await.unwrap();
    sqlx::query("INSERT INTO things VALUES (1)")
        .execute(&mut *change)
        .await
        .unwrap();
    announce(&mut change.events, &runtime);
    change.commit().await.unwrap();
    assert_eq!(stored().await, (1, 1));

    sqlx::query("UPDATE leases SET fence = fence + 1")
        .execute(pool)
        .await
        .unwrap();
    let lost = outbox.begin_under(&lease).await;
    assert!(matches!(lost, Err(LeaseError::Lost(_))));
}
