//! Sums over the fleet.

use sqlx::postgres::PgRow;
use sqlx::{FromRow, Row};

use super::{DayRange, Scope, Store};

use crate::error::StoreError;

/// The RAT of `fleet_usage_daily` that stands for what only the API told.
pub const BY_API: &str = "-1";

/// What sums are asked by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FleetGroup {
    Day,
    Country,
    Operator,
    Rat,
}

/// One sum. `name` is empty where the store knows no word for the key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GroupRow {
    pub key: String,
    pub name: String,
    pub rx: i64,
    pub tx: i64,
    pub total: i64,
    pub sms_mo: i64,
    pub sms_mt: i64,
    /// SIMs with use; 0 where it is not counted.
    pub sims: i64,
}

impl<'r> FromRow<'r, PgRow> for GroupRow {
    fn from_row(row: &'r PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            key: row.try_get("key")?,
            name: row.try_get::<Option<String>, _>("name")?.unwrap_or_default(),
            rx: row.try_get("rx")?,
            tx: row.try_get("tx")?,
            total: row.try_get("total")?,
            sms_mo: row.try_get("sms_mo")?,
            sms_mt: row.try_get("sms_mt")?,
            sims: row.try_get("sims")?,
        })
    }
}

const FLEET_SUMS: &str = "coalesce(sum(rx), 0)::bigint AS rx, coalesce(sum(tx), 0)::bigint AS tx, \
    coalesce(sum(total), 0)::bigint AS total, coalesce(sum(sms_mo), 0)::bigint AS sms_mo, \
    coalesce(sum(sms_mt), 0)::bigint AS sms_mt, 0::bigint AS sims";

const SIM_SUMS: &str = "coalesce(sum(used_rx), 0)::bigint AS rx, coalesce(sum(used_tx), 0)::bigint AS tx, \
    coalesce(sum(used_total), 0)::bigint AS total, coalesce(sum(used_sms_mo), 0)::bigint AS sms_mo, \
    coalesce(sum(used_sms_mt), 0)::bigint AS sms_mt, \
    count(DISTINCT iccid) FILTER (WHERE used_total > 0 OR used_sms_mo > 0 OR used_sms_mt > 0) AS sims";

/// A question about the fleet. The scope is part of its making.
#[derive(Debug, Clone)]
pub struct FleetSums {
    scope: Scope,
    range: DayRange,
}

impl FleetSums {
    pub fn new(scope: Scope, range: DayRange) -> Self {
        Self { scope, range }
    }

    /// Everything together.
    ///
    /// # Errors
    /// The database's.
    pub async fn sum(&self, store: &Store) -> Result<GroupRow, StoreError> {
        let rows = self.fleet(store, "''", "''", "", 1).await?;
        Ok(rows.into_iter().next().unwrap_or_default())
    }

    /// Groups, days in order and others by volume; at most `limit`.
    ///
    /// # Errors
    /// The database's.
    pub async fn groups(
        &self,
        store: &Store,
        by: FleetGroup,
        limit: i64,
    ) -> Result<Vec<GroupRow>, StoreError> {
        // What only the API told is no country's, operator's or RAT's.
        let (key, name, order) = match by {
            FleetGroup::Day => ("day::text", "NULL", "GROUP BY 1 ORDER BY 1"),
            FleetGroup::Country => (
                "CASE WHEN rat = -1 THEN '-1' ELSE mcc::text END",
                "(SELECT min(country) FROM operators WHERE mcc::text = sums.key)",
                "GROUP BY 1 ORDER BY total DESC, 1",
            ),
            FleetGroup::Operator => (
                "CASE WHEN rat = -1 THEN '-1' ELSE operator_id::text END",
                "(SELECT name FROM operators WHERE operator_id::text = sums.key)",
                "GROUP BY 1 ORDER BY total DESC, 1",
            ),
            FleetGroup::Rat => ("rat::text", "NULL", "GROUP BY 1 ORDER BY total DESC, 1"),
        };
        self.fleet(store, key, name, order, limit).await
    }

    async fn fleet(
        &self,
        store: &Store,
        key: &'static str,
        name: &'static str,
        order: &'static str,
        limit: i64,
    ) -> Result<Vec<GroupRow>, StoreError> {
        let (condition, organization) = match self.scope {
            Scope::All => ("$3::uuid IS NULL", None),
            Scope::Organization(id) => ("organization_id = $3", Some(id.0)),
        };
        let sql = format!(
            "SELECT *, {name} AS name FROM (SELECT {key} AS key, {FLEET_SUMS} FROM fleet_usage_daily
             WHERE day BETWEEN $1 AND $2 AND {condition} {order} LIMIT $4) AS sums"
        );
        let rows = sqlx::query_as(sqlx::AssertSqlSafe(sql))
            .bind(self.range.start)
            .bind(self.range.end)
            .bind(organization)
            .bind(limit);
        Ok(rows.fetch_all(store.db().pool()).await?)
    }

    /// SIMs with a tag: their sum, or one for each day.
    ///
    /// # Errors
    /// The database's.
    pub async fn tagged(&self, store: &Store, tag: &str, by_day: bool) -> Result<Vec<GroupRow>, StoreError> {
        let (key, order) = if by_day {
            ("day::text", "GROUP BY 1 ORDER BY 1")
        } else {
            ("''", "")
        };
        let (condition, organization) = sims_of(self.scope);
        let sql = format!(
            "SELECT {key} AS key, NULL AS name, {SIM_SUMS} FROM sim_usage_daily
             WHERE day BETWEEN $1 AND $2
               AND iccid IN (SELECT iccid FROM sims WHERE {condition} AND tags @> ARRAY[$4]) {order}"
        );
        let rows = sqlx::query_as(sqlx::AssertSqlSafe(sql))
            .bind(self.range.start)
            .bind(self.range.end)
            .bind(organization)
            .bind(tag);
        Ok(rows.fetch_all(store.db().pool()).await?)
    }

    /// One sum for each tag, the largest volume first, at most `limit`. A SIM with two tags counts for both.
    ///
    /// # Errors
    /// The database's.
    pub async fn by_tag(&self, store: &Store, limit: i64) -> Result<Vec<GroupRow>, StoreError> {
        let (condition, organization) = sims_of(self.scope);
        let sql = format!(
            "SELECT tag AS key, NULL AS name, {SIM_SUMS} FROM sim_usage_daily JOIN
                 (SELECT iccid, unnest(tags) AS tag FROM sims WHERE {condition} AND tags <> '{{}}') AS tagged USING (iccid)
             WHERE day BETWEEN $1 AND $2 GROUP BY tag ORDER BY total DESC, tag LIMIT $4"
        );
        let rows = sqlx::query_as(sqlx::AssertSqlSafe(sql))
            .bind(self.range.start)
            .bind(self.range.end)
            .bind(organization)
            .bind(limit);
        Ok(rows.fetch_all(store.db().pool()).await?)
    }
}

/// The condition on `sims` with the organization as `$3`.
pub(super) fn sims_of(scope: Scope) -> (&'static str, Option<uuid::Uuid>) {
    match scope {
        Scope::All => ("$3::uuid IS NULL", None),
        Scope::Organization(id) => ("organization_id = $3", Some(id.0)),
    }
}
