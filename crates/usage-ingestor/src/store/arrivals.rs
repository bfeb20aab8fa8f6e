//! What arrived: counts by hour, and the operators that records name.

use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use domain::StreamKind;
use messages::pb::usage::Operator;
use sqlx::PgConnection;

/// What one transaction merged of one stream.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Arrivals {
    pub batches: i64,
    /// Stored now.
    pub records: i64,
    /// Stored before.
    pub duplicates: i64,
    pub rejects: i64,
    /// End of the newest record, milliseconds since 1970.
    pub last_record_ms: Option<i64>,
}

/// Adds to the counts of the hour in which they were received.
///
/// # Errors
/// The database's.
pub async fn count(
    transaction: &mut PgConnection,
    stream: StreamKind,
    received_at: DateTime<Utc>,
    writer: i16,
    arrivals: &Arrivals,
) -> Result<(), sqlx::Error> {
    let hour = received_at
        .duration_trunc(TimeDelta::hours(1))
        .unwrap_or(received_at);
    sqlx::query(
        "INSERT INTO ingest_hours AS held
             (hour, stream, writer, batches, records, duplicates, rejects, last_received_at, last_record_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
         ON CONFLICT (hour, stream, writer) DO UPDATE SET
             batches = held.batches + excluded.batches, records = held.records + excluded.records,
             duplicates = held.duplicates + excluded.duplicates, rejects = held.rejects + excluded.rejects,
             last_received_at = greatest(held.last_received_at, excluded.last_received_at),
             last_record_at = greatest(held.last_record_at, excluded.last_record_at)",
    )
    .bind(hour)
    .bind(stream.word())
    .bind(writer)
    .bind(arrivals.batches)
    .bind(arrivals.records)
    .bind(arrivals.duplicates)
    .bind(arrivals.rejects)
    .bind(received_at)
    .bind(arrivals.last_record_ms.map(super::copy::millis_to_time))
    .execute(transaction)
    .await
    .map(|_| ())
}

/// Remembers the operators by name; `operators` are in the order of their ids.
///
/// # Errors
/// The database's.
pub async fn remember_operators(
    transaction: &mut PgConnection,
    operators: &[&Operator],
) -> Result<(), sqlx::Error> {
    if operators.is_empty() {
        return Ok(());
    }
    let int = |field: fn(&Operator) -> u32| -> Vec<i32> {
        operators
            .iter()
            .map(|operator| field(operator).cast_signed())
            .collect()
    };
    let text = |field: fn(&Operator) -> &String| -> Vec<&str> {
        operators
            .iter()
            .map(|operator| field(operator).as_str())
            .collect()
    };
    sqlx::query(
        "INSERT INTO operators AS held (operator_id, name, mnc, country_id, mcc, country)
         SELECT operator_id, name, mnc, country_id, mcc::smallint, country
         FROM unnest($1::integer[], $2::text[], $3::text[], $4::integer[], $5::integer[], $6::text[])
              AS operator (operator_id, name, mnc, country_id, mcc, country)
         ON CONFLICT (operator_id) DO UPDATE SET
             name = excluded.name, mnc = excluded.mnc, country_id = excluded.country_id, mcc = excluded.mcc,
             country = excluded.country
         WHERE (held.name, held.mnc, held.country_id, held.mcc, held.country)
               IS DISTINCT FROM (excluded.name, excluded.mnc, excluded.country_id, excluded.mcc, excluded.country)",
    )
    .bind(int(|operator| operator.id))
    .bind(text(|operator| &operator.name))
    .bind(text(|operator| &operator.mnc))
    .bind(int(|operator| operator.country_id))
    .bind(int(|operator| operator.mcc))
    .bind(text(|operator| &operator.country))
    .execute(transaction)
    .await
    .map(|_| ())
}
