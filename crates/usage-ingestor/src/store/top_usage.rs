//! The SIMs that use most.

use domain::TopBy;

use super::usage_summary::sims_of;
use super::{DayRange, Scope, Store};

use crate::error::StoreError;

/// A question for the SIMs that use most. The scope is part of its making; equal ones have equal answers for a while.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TopQuery {
    scope: Scope,
    range: DayRange,
    by: TopBy,
    limit: u32,
    /// Empty for all SIMs.
    tag: String,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct TopRow {
    pub iccid: i64,
    pub rx: i64,
    pub tx: i64,
    pub total: i64,
    pub sms_mo: i64,
    pub sms_mt: i64,
}

impl TopQuery {
    pub fn new(scope: Scope, range: DayRange, by: TopBy, limit: u32, tag: String) -> Self {
        Self {
            scope,
            range,
            by,
            limit,
            tag,
        }
    }

    /// The SIMs with any use of this kind, the most first. Reads every SIM's days in scope.
    ///
    /// # Errors
    /// The database's.
    pub async fn find(&self, store: &Store) -> Result<Vec<TopRow>, StoreError> {
        let (condition, organization) = sims_of(self.scope);
        // The columns have the words' names.
        let column = self.by.word();
        let sims = match (self.scope, self.tag.is_empty()) {
            (Scope::All, true) => "$3::uuid IS NULL AND $4 = ''".to_owned(),
            (Scope::Organization(_), true) => {
                format!("iccid IN (SELECT iccid FROM sims WHERE {condition}) AND $4 = ''")
            }
            (_, false) => {
                format!("iccid IN (SELECT iccid FROM sims WHERE {condition} AND tags @> ARRAY[$4])")
            }
        };
        let sql = format!(
            "SELECT iccid, sum(used_rx)::bigint AS rx, sum(used_tx)::bigint AS tx, sum(used_total)::bigint AS total,
                    sum(used_sms_mo) AS sms_mo, sum(used_sms_mt) AS sms_mt
             FROM sim_usage_daily WHERE day BETWEEN $1 AND $2 AND {sims}
             GROUP BY iccid HAVING sum(used_{column}) > 0 ORDER BY sum(used_{column}) DESC, iccid LIMIT $5"
        );
        let rows = sqlx::query_as(sqlx::AssertSqlSafe(sql))
            .bind(self.range.start)
            .bind(self.range.end)
            .bind(organization)
            .bind(&self.tag)
            .bind(i64::from(self.limit));
        Ok(rows.fetch_all(store.db().pool()).await?)
    }
}
