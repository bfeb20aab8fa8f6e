//! Closed days on which stream and API differ.

use chrono::{DateTime, NaiveDate, Utc};

use super::stream_state::compared;
use super::{DayRange, Scope, Store};
use crate::error::StoreError;

/// What is asked. The scope is part of its making.
#[derive(Debug, Clone)]
pub struct DifferencesQuery {
    scope: Scope,
    range: DayRange,
    size: u32,
    before: Place,
}

/// The row that a cursor names: the page goes on behind it, to older days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    day: NaiveDate,
    iccid: i64,
}

impl Place {
    /// Reads a cursor; `None` when it is none of this list.
    pub fn parse(cursor: &str) -> Option<Self> {
        let (day, iccid) = cursor.split_once('.')?;
        Some(Self {
            day: day.parse().ok()?,
            iccid: iccid.parse().ok()?,
        })
    }
}

/// A page, the newest day first.
#[derive(Debug)]
pub struct DifferencesPage {
    pub rows: Vec<DifferenceRow>,
    /// Empty on the last page.
    pub next_cursor: String,
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
    /// From `after` on, or from the newest day.
    pub fn new(scope: Scope, range: DayRange, size: u32, after: Option<Place>) -> Self {
        let newest = Place {
            day: range.end,
            iccid: i64::MAX,
        };
        Self {
            scope,
            range,
            size,
            before: after.unwrap_or(newest),
        }
    }

    /// The page.
    ///
    /// # Errors
    /// The database's.
    pub async fn page(&self, store: &Store) -> Result<DifferencesPage, StoreError> {
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
            .bind(self.before.day)
            .bind(self.before.iccid)
            .bind(i64::from(self.size) + 1)
            .bind(organization)
            .fetch_all(store.db().pool())
            .await?;
        let size = usize::try_from(self.size).unwrap_or(usize::MAX);
        let more = rows.len() > size;
        rows.truncate(size);
        let last = rows.last().filter(|_| more);
        let next_cursor = last.map_or_else(String::new, |row| format!("{}.{}", row.day, row.iccid));
        Ok(DifferencesPage { rows, next_cursor })
    }
}
