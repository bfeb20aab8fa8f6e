//! Daily rows of many SIMs, a page at a time.

use chrono::NaiveDate;
use domain::Iccid;

use super::sim_usage::told_by;
use super::{DayRange, Scope, Store};
use crate::error::StoreError;

/// Rows of a page.
pub const PAGE: usize = 2000;
/// SIMs that one page looks at, so that a page of a fleet that is mostly quiet takes no longer than another.
const SIMS: i64 = 2000;

/// What is exported. The scope is part of its making.
#[derive(Debug, Clone)]
pub struct ExportQuery {
    scope: Scope,
    range: DayRange,
    /// Only this SIM.
    iccid: Option<Iccid>,
    /// Only SIMs with this tag; empty for all.
    tag: String,
    after: Option<Position>,
}

/// The row that a cursor names: the page begins behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    iccid: i64,
    day: NaiveDate,
}

impl Position {
    /// Reads a cursor; `None` when it is none of this export.
    pub fn parse(cursor: &str) -> Option<Self> {
        let (iccid, day) = cursor.split_once('.')?;
        Some(Self {
            iccid: iccid.parse().ok()?,
            day: day.parse().ok()?,
        })
    }
}

/// What is used of one day of one SIM.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct ExportRow {
    pub iccid: i64,
    pub day: NaiveDate,
    pub rx: i64,
    pub tx: i64,
    pub total: i64,
    pub sms_mo: i32,
    pub sms_mt: i32,
    pub sessions: i32,
    pub by_stream: bool,
    pub by_api: bool,
}

/// A page, ordered by ICCID and day.
#[derive(Debug, Default)]
pub struct ExportPage {
    pub rows: Vec<ExportRow>,
    /// Empty on the last page. A page with few rows, or none, may have one.
    pub next_cursor: String,
}

/// The limit inside keeps the plan a walk along the primary key, SIM by SIM.
const ROWS: &str = concat!(
    "SELECT wanted.iccid, days.* FROM (SELECT iccid FROM unnest($1::bigint[]) AS sims (iccid) ORDER BY iccid) AS wanted ",
    "CROSS JOIN LATERAL (",
    "SELECT day, used_rx AS rx, used_tx AS tx, used_total AS total, used_sms_mo AS sms_mo, used_sms_mt AS sms_mt, ",
    "sessions, ",
    told_by!(),
    " FROM sim_usage_daily WHERE iccid = wanted.iccid AND day BETWEEN $2 AND $3 ",
    "AND (iccid, day) > ($4, $5) ORDER BY day LIMIT 1000) AS days ORDER BY iccid, day LIMIT $6"
);

impl ExportQuery {
    /// Behind `after`, or from the beginning.
    pub fn new(
        scope: Scope,
        range: DayRange,
        iccid: Option<Iccid>,
        tag: String,
        after: Option<Position>,
    ) -> Self {
        Self {
            scope,
            range,
            iccid,
            tag,
            after,
        }
    }

    /// The page; `None` for one SIM that the caller may not see. The SIMs come from `sims`, where every SIM with rows is.
    ///
    /// # Errors
    /// The database's.
    pub async fn page(&self, store: &Store) -> Result<Option<ExportPage>, StoreError> {
        let sims = match self.iccid {
            Some(iccid) => {
                if store.visible_sim(self.scope, iccid).await?.is_none() {
                    return Ok(None);
                }
                vec![iccid.as_i64()]
            }
            None => self.sims(store).await?,
        };
        let after = self.after.unwrap_or(Position {
            iccid: 0,
            day: self.range.start,
        });
        let mut rows: Vec<ExportRow> = sqlx::query_as(ROWS)
            .bind(&sims)
            .bind(self.range.start)
            .bind(self.range.end)
            .bind(after.iccid)
            .bind(after.day)
            .bind(i64::try_from(PAGE + 1).unwrap_or(i64::MAX))
            .fetch_all(store.db().pool())
            .await?;
        let more = rows.len() > PAGE;
        rows.truncate(PAGE);
        let last = match (more, rows.last(), sims.last()) {
            (true, Some(row), _) => Some((row.iccid, row.day)),
            // All rows of these SIMs, and there may be more SIMs.
            (false, _, Some(sim)) if self.iccid.is_none() => Some((*sim, self.range.end)),
            _ => None,
        };
        let next_cursor = last.map_or_else(String::new, |(iccid, day)| format!("{iccid}.{day}"));
        Ok(Some(ExportPage { rows, next_cursor }))
    }

    async fn sims(&self, store: &Store) -> Result<Vec<i64>, StoreError> {
        let (condition, organization) = match self.scope {
            Scope::All => ("$3::uuid IS NULL", None),
            Scope::Organization(id) => ("organization_id = $3", Some(id.0)),
        };
        let tagged = if self.tag.is_empty() {
            "$4 = ''"
        } else {
            "tags @> ARRAY[$4]"
        };
        let sql = format!(
            "SELECT iccid FROM sims WHERE iccid >= $1 AND {condition} AND {tagged} ORDER BY iccid LIMIT $2"
        );
        // A SIM whose last day was told needs no second look.
        let first = self
            .after
            .map_or(0, |last| last.iccid + i64::from(last.day >= self.range.end));
        let sims = sqlx::query_scalar(sqlx::AssertSqlSafe(sql))
            .bind(first)
            .bind(SIMS)
            .bind(organization)
            .bind(&self.tag);
        Ok(sims.fetch_all(store.db().pool()).await?)
    }
}
