//! Where each stream stands.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use domain::StreamKind;
use sqlx::{PgConnection, Row};

use super::Store;
use super::api_readings::GAP;
use crate::error::StoreError;

/// The days on which stream and API are compared: closed ones, from the stream's second day on.
macro_rules! compared {
    () => {
        "differs AND day < (now() AT TIME ZONE 'UTC')::date \
         AND day > (SELECT (first_record_at AT TIME ZONE 'UTC')::date FROM stream_state WHERE stream = 'usage')"
    };
}
pub(super) use compared;

/// Notes how far back the stream's records reach. Nothing is written, and nobody waits, unless one is older than all.
///
/// # Errors
/// The database's.
pub async fn note_first(
    transaction: &mut PgConnection,
    stream: StreamKind,
    oldest: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    let known: Option<DateTime<Utc>> =
        sqlx::query_scalar("SELECT first_record_at FROM stream_state WHERE stream = $1")
            .bind(stream.word())
            .fetch_optional(&mut *transaction)
            .await?
            .flatten();
    if known.is_some_and(|known| known <= oldest) {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO stream_state AS held (stream, first_record_at) VALUES ($1, $2)
         ON CONFLICT (stream) DO UPDATE SET first_record_at = least(held.first_record_at, excluded.first_record_at)",
    )
    .bind(stream.word())
    .bind(oldest)
    .execute(transaction)
    .await
    .map(|_| ())
}

/// What is remembered of a stream.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct StreamState {
    pub silent_since: Option<DateTime<Utc>>,
    pub expected_per_hour: Option<f64>,
    /// When a gap was last handed to the readings by API.
    pub filled_until: Option<DateTime<Utc>>,
}

/// What arrived in the last eight days.
#[derive(Debug, Clone, Default)]
pub struct StreamArrivals {
    pub by_hour: BTreeMap<DateTime<Utc>, i64>,
    pub last_received_at: Option<DateTime<Utc>>,
}

/// Whether nobody else looks at the stream until the transaction ends.
///
/// # Errors
/// The database's.
pub async fn alone(transaction: &mut PgConnection, stream: StreamKind) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar("SELECT pg_try_advisory_xact_lock(hashtext($1))")
        .bind(format!("usage stream {stream}"))
        .fetch_one(transaction)
        .await
}

/// Records that arrived by hour; those that had come before count too, for the stream flows.
///
/// # Errors
/// The database's.
pub async fn arrivals(
    transaction: &mut PgConnection,
    stream: StreamKind,
    now: DateTime<Utc>,
) -> Result<StreamArrivals, sqlx::Error> {
    let rows = sqlx::query(
        "SELECT hour, sum(records + duplicates)::bigint AS records, max(last_received_at) AS last_received_at
         FROM ingest_hours WHERE stream = $1 AND hour >= $2 - interval '8 days' GROUP BY hour",
    )
    .bind(stream.word())
    .bind(now)
    .fetch_all(&mut *transaction)
    .await?;
    let mut arrivals = StreamArrivals::default();
    for row in rows {
        arrivals.by_hour.insert(row.get("hour"), row.get("records"));
        arrivals.last_received_at = arrivals.last_received_at.max(row.get("last_received_at"));
    }
    Ok(arrivals)
}

/// What is remembered; nothing yet is the default.
///
/// # Errors
/// The database's.
pub async fn load(transaction: &mut PgConnection, stream: StreamKind) -> Result<StreamState, sqlx::Error> {
    let row = sqlx::query(
        "SELECT silent_since, expected_per_hour, filled_until FROM stream_state WHERE stream = $1",
    )
    .bind(stream.word())
    .fetch_optional(transaction)
    .await?;
    Ok(row.map_or_else(StreamState::default, |row| StreamState {
        silent_since: row.get("silent_since"),
        expected_per_hour: row.get("expected_per_hour"),
        filled_until: row.get("filled_until"),
    }))
}

/// Remembers it.
///
/// # Errors
/// The database's.
pub async fn save(
    transaction: &mut PgConnection,
    stream: StreamKind,
    state: &StreamState,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO stream_state (stream, silent_since, expected_per_hour, filled_until) VALUES ($1, $2, $3, $4)
         ON CONFLICT (stream) DO UPDATE SET
             silent_since = excluded.silent_since, expected_per_hour = excluded.expected_per_hour,
             filled_until = excluded.filled_until",
    )
    .bind(stream.word())
    .bind(state.silent_since)
    .bind(state.expected_per_hour)
    .bind(state.filled_until)
    .execute(transaction)
    .await
    .map(|_| ())
}

/// Makes the readings due of SIMs that had use in the week before `from`; answers how many.
///
/// # Errors
/// The database's.
pub async fn fill_gap(transaction: &mut PgConnection, from: NaiveDate) -> Result<u64, sqlx::Error> {
    let filled = sqlx::query(
        "INSERT INTO sync_state AS held (iccid, priority, due_at, from_day)
         SELECT DISTINCT iccid, $1::smallint, now(), $2::date FROM sim_usage_daily WHERE day >= $2 - 7
         ON CONFLICT (iccid) DO UPDATE SET priority = least(held.priority, excluded.priority), due_at = now(),
             from_day = least(held.from_day, excluded.from_day)",
    )
    .bind(GAP)
    .bind(from)
    .execute(transaction)
    .await?;
    Ok(filled.rows_affected())
}

/// Whether the stream has brought anything in three days and is not silent.
///
/// # Errors
/// The database's.
pub async fn flows(store: &Store, stream: StreamKind) -> Result<bool, StoreError> {
    let flows = sqlx::query_scalar(
        "SELECT EXISTS (SELECT FROM ingest_hours WHERE stream = $1 AND hour >= now() - interval '3 days')
            AND NOT EXISTS (SELECT FROM stream_state WHERE stream = $1 AND silent_since IS NOT NULL)",
    )
    .bind(stream.word())
    .fetch_one(store.db().pool())
    .await?;
    Ok(flows)
}

/// The streams that are silent.
///
/// # Errors
/// The database's.
pub async fn silent(store: &Store) -> Result<Vec<String>, StoreError> {
    let streams =
        sqlx::query_scalar("SELECT stream FROM stream_state WHERE silent_since IS NOT NULL ORDER BY stream")
            .fetch_all(store.db().pool())
            .await?;
    Ok(streams)
}
