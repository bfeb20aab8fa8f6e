use chrono::Utc;
use messages::{EVENTS, EventEnvelope, EventType};
use sea_orm_migration::prelude::*;
use service_runtime::db::{self, run_sql};
use service_runtime::outbox::{self, Outbox, OutboxBatch};
use service_runtime::{Runtime, Shared};
use test_support::{Scope, Stack, eventually};
use uuid::Uuid;

struct Migrations;

impl MigratorTrait for Migrations {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![Box::new(Table)]
    }
}

struct Table;

impl MigrationName for Table {
    fn name(&self) -> &str {
        "m0001_outbox"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Table {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run_sql(manager, outbox::TABLE_SQL).await
    }
}

async fn runtime(scope: &Scope) -> Runtime {
    let config = scope.runtime_config();
    db::migrate::<Migrations>(&config.database, "sim").await.unwrap();
    let shared = Shared::start(config, "test").await.unwrap();
    Runtime::start(&shared, "sim").await.unwrap()
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
        let mut batch = OutboxBatch::default();
        let envelope = EventEnvelope {
            id: Uuid::new_v4(),
            event: EventType::SyncCompleted,
            source: "test",
            time: Utc::now(),
            iccid: None,
            organization: None,
        };
        batch.push(subjects, &envelope, Vec::new());
        eventually("the event is written", || async {
            let mut transaction = runtime.db.pool().begin().await?;
            batch.write(&mut transaction).await?;
            Ok(transaction.commit().await?)
        })
        .await;
        outbox.poke();
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
