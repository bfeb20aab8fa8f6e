//! The outbox: an event is a row, written in the transaction of the change that it tells of, and published later.
//!
//! Rows go out in the order of their ids, one relay at a time per schema; a crash between publishing and deleting
//! publishes the same message id again, which JetStream drops within its window and consumers drop by the id.

use std::collections::HashSet;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::Duration;

use async_nats::HeaderMap;
use futures_util::future::try_join_all;
use messages::{EventEnvelope, Subjects};
use prost::Message;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Postgres, Row, Transaction};
use tokio::sync::Notify;
use uuid::Uuid;

use crate::bus::{Bus, BusError, within};
use crate::db::{Db, DbError};
use crate::hints::{HintBatch, Hints};
use crate::ignored::Ignored;
use crate::lease::{Lease, LeaseError};
use crate::metrics::Metrics;
use crate::shutdown::Shutdown;
use crate::telemetry::current_traceparent;

/// The table that every schema with events has; goes into the service's first migration.
pub const TABLE_SQL: &str = "CREATE TABLE outbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event_id uuid NOT NULL,
    subject text NOT NULL,
    headers text[] NOT NULL,
    payload bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
)";

const BATCH: i64 = 500;
const POLL: Duration = Duration::from_secs(1);
/// Events that wait longer show in the service's health.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// Events that wait for the end of a transaction, and hints.
#[derive(Debug, Default)]
pub struct OutboxBatch {
    ids: Vec<Uuid>,
    subjects: Vec<String>,
    headers: Vec<String>,
    payloads: Vec<Vec<u8>>,
    hints: HintBatch,
}

impl OutboxBatch {
    /// Adds one event.
    pub fn push(&mut self, subjects: &Subjects, envelope: &EventEnvelope, payload: Vec<u8>) {
        let mut headers: Vec<String> = envelope
            .headers()
            .into_iter()
            .map(|(name, value)| format!("{name}: {value}"))
            .collect();
        headers.extend(current_traceparent().map(|value| format!("traceparent: {value}")));
        self.ids.push(envelope.id);
        self.subjects.push(subjects.event(envelope.event, envelope.iccid));
        self.headers.push(headers.join("\n"));
        self.payloads.push(payload);
    }

    /// Adds a part to what is said on a subject once the transaction has committed. It may be lost, so it is for what
    /// mends itself. Parts are joined to few messages: their type has repeated fields only, of which joined bytes are
    /// the list of both.
    pub fn hint(&mut self, subject: &str, part: &impl Message) {
        self.hints.add(subject, &part.encode_to_vec());
    }

    /// How many events wait.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// Writes the rows in the caller's transaction.
    ///
    /// # Errors
    /// The database's.
    async fn write(&self, transaction: &mut PgConnection) -> Result<(), sqlx::Error> {
        if self.is_empty() {
            return Ok(());
        }
        sqlx::query(
            "INSERT INTO outbox (event_id, subject, headers, payload)
             SELECT event_id, subject, string_to_array(headers, E'\\n'), payload
             FROM unnest($1::uuid[], $2::text[], $3::text[], $4::bytea[])
                  WITH ORDINALITY AS event (event_id, subject, headers, payload, place)
             ORDER BY place",
        )
        .bind(&self.ids)
        .bind(&self.subjects)
        .bind(&self.headers)
        .bind(&self.payloads)
        .execute(transaction)
        .await
        .map(|_| ())
    }
}

/// Whether events leave: fails when the oldest waits for over a minute.
///
/// # Errors
/// How long it waits, or that the database does not answer.
pub(crate) async fn check(db: &Db) -> Result<(), String> {
    let age = sqlx::query_scalar::<_, f64>(
        "SELECT extract(epoch FROM clock_timestamp() - created_at)::float8 FROM outbox ORDER BY id LIMIT 1",
    )
    .fetch_optional(db.pool())
    .await
    .map_err(|_| "no answer".to_owned())?;
    match age {
        Some(age) if age > LONGEST_WAIT.as_secs_f64() => {
            Err(format!("the oldest event waits for {age:.0} seconds"))
        }
        _ => Ok(()),
    }
}

/// Publishes the outbox of one schema. Clones poke the same relay.
#[derive(Clone)]
pub struct Outbox {
    db: Db,
    poke: Arc<Notify>,
    hints: Hints,
}

/// A change of the schema and the events about it: they commit together, or neither does. A transaction to its users.
pub struct Change {
    transaction: Transaction<'static, Postgres>,
    /// What the change is told as.
    pub events: OutboxBatch,
    poke: Arc<Notify>,
    hints: Hints,
}

impl Change {
    /// Commits both; the events and hints leave at once.
    ///
    /// # Errors
    /// The database's; then neither is stored.
    pub async fn commit(mut self) -> Result<(), sqlx::Error> {
        self.events.write(&mut self.transaction).await?;
        self.transaction.commit().await?;
        if !self.events.is_empty() {
            self.poke.notify_one();
        }
        self.hints.send(self.events.hints).await;
        Ok(())
    }
}

impl Deref for Change {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.transaction
    }
}

impl DerefMut for Change {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.transaction
    }
}

/// Why a batch stays in the outbox for now.
#[derive(Debug, thiserror::Error)]
enum RelayError {
    #[error(transparent)]
    Db(#[from] DbError),
    #[error(transparent)]
    Sqlx(#[from] sqlx::Error),
    #[error(transparent)]
    Bus(#[from] BusError),
}

impl Outbox {
    /// Starts the relay of the database's schema.
    pub fn start(db: &Db, bus: &Bus, metrics: &Metrics, shutdown: &Shutdown) -> Self {
        let poke = Arc::new(Notify::new());
        let relay = Relay {
            db: db.clone(),
            bus: bus.clone(),
            published: metrics.counter("simward_events_published_total", &[("schema", db.schema())]),
            lag: metrics.gauge("simward_outbox_oldest_seconds", &[("schema", db.schema())]),
            waiting: metrics.gauge("simward_outbox_events", &[("schema", db.schema())]),
        };
        let (wake, end) = (Arc::clone(&poke), shutdown.clone());
        shutdown.spawn(async move { relay.run(&wake, &end).await });
        let hints = Hints::new(bus, metrics, db.schema());
        Self {
            db: db.clone(),
            poke,
            hints,
        }
    }

    /// Begins a change.
    ///
    /// # Errors
    /// The database's.
    pub async fn begin(&self) -> Result<Change, sqlx::Error> {
        Ok(Change {
            transaction: self.db.pool().begin().await?,
            events: OutboxBatch::default(),
            poke: Arc::clone(&self.poke),
            hints: self.hints.clone(),
        })
    }

    /// Begins a change that only the holder of the lease may make.
    ///
    /// # Errors
    /// [`LeaseError::Lost`] when another process took the lease over; the database's.
    pub async fn begin_under(&self, lease: &Lease) -> Result<Change, LeaseError> {
        let mut change = self.begin().await?;
        lease.check(&mut change).await?;
        Ok(change)
    }
}

/// Parts of a batch in which no SIM has two events: a wave that is sent again cannot swap events of one SIM.
fn waves(rows: &[PgRow]) -> Vec<&[PgRow]> {
    let subject = |row: &PgRow| row.get::<String, _>("subject");
    let mut waves = Vec::new();
    let mut begin = 0;
    let mut seen = HashSet::new();
    for (place, row) in rows.iter().enumerate() {
        let subject = subject(row);
        let about = subject.rsplit('.').next().unwrap_or_default().to_owned();
        if !seen.insert(about.clone()) {
            waves.push(&rows[begin..place]);
            begin = place;
            seen = HashSet::from([about]);
        }
    }
    waves.push(&rows[begin..]);
    waves
}

struct Relay {
    db: Db,
    bus: Bus,
    published: metrics::Counter,
    lag: metrics::Gauge,
    waiting: metrics::Gauge,
}

impl Relay {
    async fn run(&self, wake: &Notify, shutdown: &Shutdown) {
        loop {
            let ended = shutdown.has_started();
            match self.publish_batch().await {
                Ok(count) if count == BATCH as usize => continue,
                Ok(_) => {}
                Err(error) => self.wait_for_better_times(&error, shutdown).await,
            }
            if ended {
                return;
            }
            tokio::select! {
                () = shutdown.started() => {}
                () = wake.notified() => {}
                () = tokio::time::sleep(POLL) => {}
            }
        }
    }

    /// Publishes the oldest rows and deletes them once JetStream has stored every one.
    async fn publish_batch(&self) -> Result<usize, RelayError> {
        let mut transaction = self.db.pool().begin().await?;
        // Ids are given in order and leave in order, so the last and the first tell how many wait, nearly.
        let state = sqlx::query(
            "SELECT pg_try_advisory_xact_lock(hashtext($1)) AS alone,
                    (SELECT coalesce(max(id) - min(id) + 1, 0)::float8 FROM outbox) AS waiting,
                    (SELECT extract(epoch FROM clock_timestamp() - created_at)::float8
                     FROM outbox ORDER BY id LIMIT 1) AS age",
        )
        .bind(format!("outbox {}", self.db.schema()))
        .fetch_one(&mut *transaction)
        .await?;
        self.waiting.set(state.get::<f64, _>("waiting"));
        self.lag.set(state.get::<Option<f64>, _>("age").unwrap_or(0.0));
        if !state.get::<bool, _>("alone") {
            return Ok(0);
        }
        let rows =
            sqlx::query("SELECT id, event_id, subject, headers, payload FROM outbox ORDER BY id LIMIT $1")
                .bind(BATCH)
                .fetch_all(&mut *transaction)
                .await?;
        if rows.is_empty() {
            return Ok(0);
        }
        for wave in waves(&rows) {
            self.bus.connected(Duration::ZERO).await?;
            within("events", self.publish_wave(wave)).await??;
        }
        let ids: Vec<i64> = rows.iter().map(|row| row.get("id")).collect();
        sqlx::query("DELETE FROM outbox WHERE id = ANY($1)")
            .bind(&ids)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        self.published.increment(rows.len() as u64);
        Ok(rows.len())
    }

    /// Sends events of different subjects, then waits until JetStream has stored them all.
    async fn publish_wave(&self, rows: &[PgRow]) -> Result<(), RelayError> {
        let mut acks = Vec::with_capacity(rows.len());
        for row in rows {
            acks.push(self.send(row).await?);
        }
        let stored = acks
            .into_iter()
            .map(|ack| async { ack.await.map_err(|error| BusError::jetstream("event", error)) });
        try_join_all(stored).await?;
        Ok(())
    }

    /// A second at least, however many transactions poke; the end of the process ends it.
    async fn wait_for_better_times(&self, error: &RelayError, shutdown: &Shutdown) {
        tracing::warn!(%error, schema = self.db.schema(), "events wait in the outbox");
        let declared_again = async {
            self.bus.connected(Duration::ZERO).await?;
            // JetStream may have come back without its streams.
            self.bus.declare_streams().await
        };
        if matches!(error, RelayError::Bus(_))
            && let Some(declared) = shutdown.or(declared_again).await
        {
            declared.ignored("declaring the streams again");
        }
        shutdown.sleep(POLL).await;
    }

    async fn send(
        &self,
        row: &sqlx::postgres::PgRow,
    ) -> Result<async_nats::jetstream::context::PublishAckFuture, RelayError> {
        let mut headers = HeaderMap::new();
        for line in row.get::<Vec<String>, _>("headers") {
            if let Some((name, value)) = line.split_once(": ") {
                headers.insert(name, value);
            }
        }
        let id = row.get::<Uuid, _>("event_id").to_string();
        headers.insert(async_nats::header::NATS_MESSAGE_ID, id.as_str());
        let payload = row.get::<Vec<u8>, _>("payload");
        let sent = self.bus.jetstream().publish_with_headers(
            row.get::<String, _>("subject"),
            headers,
            payload.into(),
        );
        Ok(sent.await.map_err(|error| BusError::jetstream("event", error))?)
    }
}
