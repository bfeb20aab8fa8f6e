//! Closed days on which stream and API differ.

use chrono::{DateTime, NaiveDate, Utc};

use super::stream_state::compared;
use super::{DayRange, Scope, Store};
use crate::error::{AppError, StoreError};

/// What is asked. The scope is part of its making.
#[derive(Debug, Clone)]
pub struct DifferencesQuery {
    scope: Scope,
    range: DayRange,
    size: u32,
    after: (NaiveDate, i64),
}

/// One day of one SIM, as the stream and as the API told it.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct DifferenceRow {
    pub iccid: i64,
    pub day: NaiveDate,
    pub total: i64,
    pub api_total: Option<i64>,
    pub sms_mo: i32,
    pub api_sms_mo: Option<i32>,
    pub sms_mt: i32,
    pub api_sms_mt: Option<i32>,
    pub data_records: i32,
    pub api_read_at: Option<DateTime<Utc>>,
}

impl DifferencesQuery {
    /// Reads the cursor.
    ///
    /// # Errors
    /// [`AppError::Invalid`] when it is none.
    pub fn new(scope: Scope, range: DayRange, size: u32, cursor: &str) -> Result<Self, AppError> {
        let position = |text: &str| {
            let (day, iccid) = text.split_once('.')?;
            Some((day.parse().ok()?, iccid.parse().ok()?))
        };
        let after = match cursor {
            "" => (range.end, i64::MAX),
            text => {
                let wrong = || AppError::field("cursor", "is none of this list");
                position(text).ok_or_else(wrong)?
            }
        };
        Ok(Self {
            scope,
            range,
            size,
            after,
        })
    }

    /// The page behind the cursor, the newest day first, and the cursor behind the page, which is empty on the last one.
    ///
    /// # Errors
    /// The database's.
    pub async fn page(&self, store: &Store) -> Result<(Vec<DifferenceRow>, String), StoreError> {
        let (condition, organization) = match self.scope {
            Scope::All => ("$6::uuid IS NULL", None),
            Scope::Organization(id) => (
                "EXISTS (SELECT FROM sims WHERE sims.iccid = days.iccid AND organization_id = $6)",
                Some(id.0),
            ),
        };
        let sql = format!(
            "SELECT iccid, day, total, api_total, sms_mo, api_sms_mo, sms_mt, api_sms_mt, data_records, api_read_at
             FROM sim_usage_daily AS days
             WHERE {} AND day BETWEEN $1 AND $2 AND (day, iccid) < ($3, $4) AND {condition}
             ORDER BY day DESC, iccid DESC LIMIT $5",
            compared!()
        );
        let mut rows: Vec<DifferenceRow> = sqlx::query_as(sqlx::AssertSqlSafe(sql))
            .bind(self.range.start)
            .bind(self.range.end)
            .bind(self.after.0)
            .bind(self.after.1)
            .bind(i64::from(self.size) + 1)
            .bind(organization)
            .fetch_all(store.db().pool())
            .await?;
        let size = usize::try_from(self.size).unwrap_or(usize::MAX);
        let more = rows.len() > size;
        rows.truncate(size);
        let last = rows.last().filter(|_| more);
        let cursor = last.map_or_else(String::new, |row| format!("{}.{}", row.day, row.iccid));
        Ok((rows, cursor))
    }
}
