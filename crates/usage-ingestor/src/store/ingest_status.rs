//! How the streams stand: numbers of the whole platform.

use chrono::{DateTime, Utc};

use super::Store;
use super::stream_state::compared;
use crate::error::StoreError;

/// What arrived by one stream. Buckets are clock hours, so the last hour is this one and its part of the one before.
#[derive(Debug, Clone, Default, PartialEq, sqlx::FromRow)]
pub struct StreamRow {
    pub stream: String,
    pub last_received_at: Option<DateTime<Utc>>,
    pub last_record_at: Option<DateTime<Utc>>,
    pub silent_since: Option<DateTime<Utc>>,
    pub expected_per_hour: Option<f64>,
    pub records_last_hour: i64,
    pub records_last_day: i64,
    pub duplicates_last_day: i64,
    pub rejects_last_day: i64,
    pub batches_last_day: i64,
}

/// What waits or is wrong.
#[derive(Debug, Clone, Default, PartialEq, Eq, sqlx::FromRow)]
pub struct OpenRow {
    pub rejects_open: i64,
    pub days_that_differ: i64,
    pub sims_unknown: i64,
}

/// The readings by API.
#[derive(Debug, Clone, Default, PartialEq, Eq, sqlx::FromRow)]
pub struct ReadingsRow {
    pub due: i64,
    pub read_last_day: i64,
    pub failed_last_day: i64,
    pub last_read_at: Option<DateTime<Utc>>,
    /// Of the newest failure of the last day whose SIM was not read since.
    pub last_error: Option<String>,
}

const STREAMS: &str = "
    SELECT names.stream, newest.last_received_at, newest.last_record_at, state.silent_since, state.expected_per_hour,
           last_day.*
    FROM (VALUES ('usage'), ('events')) AS names (stream)
    LEFT JOIN stream_state AS state USING (stream)
    LEFT JOIN LATERAL (
        SELECT max(last_received_at) AS last_received_at, max(last_record_at) AS last_record_at FROM ingest_hours
        WHERE stream = names.stream AND hour >= (SELECT hour - interval '1 day' FROM ingest_hours
                                                 WHERE stream = names.stream ORDER BY hour DESC LIMIT 1)
    ) AS newest ON true
    CROSS JOIN LATERAL (
        SELECT coalesce(round(sum(records * greatest(0, least(1,
                   extract(epoch FROM hour + interval '2 hours' - now()) / 3600)))), 0)::bigint AS records_last_hour,
               coalesce(sum(records), 0)::bigint AS records_last_day,
               coalesce(sum(duplicates), 0)::bigint AS duplicates_last_day,
               coalesce(sum(rejects), 0)::bigint AS rejects_last_day,
               coalesce(sum(batches), 0)::bigint AS batches_last_day
        FROM ingest_hours WHERE stream = names.stream AND hour > now() - interval '1 day'
    ) AS last_day
    ORDER BY names.stream DESC";

const OPEN: &str = concat!(
    "SELECT (SELECT count(*) FROM rejects WHERE replayed_at IS NULL) AS rejects_open, \
            (SELECT count(*) FROM sim_usage_daily WHERE day >= (now() AT TIME ZONE 'UTC')::date - 35 AND ",
    compared!(),
    ") AS days_that_differ, (SELECT count(*) FROM sims WHERE organization_id IS NULL) AS sims_unknown"
);

const READINGS: &str = "
    SELECT count(*) FILTER (WHERE due_at <= now()) AS due,
           count(*) FILTER (WHERE last_read_at > now() - interval '1 day') AS read_last_day,
           count(*) FILTER (WHERE failed_at > now() - interval '1 day') AS failed_last_day,
           max(last_read_at) AS last_read_at,
           (SELECT last_error FROM sync_state WHERE failed_at > now() - interval '1 day' AND last_error IS NOT NULL
            ORDER BY failed_at DESC LIMIT 1) AS last_error
    FROM sync_state";

impl Store {
    /// Both streams, `usage` first.
    ///
    /// # Errors
    /// The database's.
    pub async fn streams(&self) -> Result<Vec<StreamRow>, StoreError> {
        Ok(sqlx::query_as(STREAMS).fetch_all(self.db().pool()).await?)
    }

    /// What waits or is wrong.
    ///
    /// # Errors
    /// The database's.
    pub async fn open_questions(&self) -> Result<OpenRow, StoreError> {
        Ok(sqlx::query_as(OPEN).fetch_one(self.db().pool()).await?)
    }

    /// How the readings by API stand.
    ///
    /// # Errors
    /// The database's.
    pub async fn readings(&self) -> Result<ReadingsRow, StoreError> {
        Ok(sqlx::query_as(READINGS).fetch_one(self.db().pool()).await?)
    }
}
