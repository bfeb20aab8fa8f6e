//! The inventory in short, for services that keep a copy.

use domain::Iccid;
use sqlx::{AssertSqlSafe, Row};
use uuid::Uuid;

use super::Store;
use crate::error::StoreError;

/// One SIM in short.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The card's number.
    pub iccid: i64,
    /// The account that lists it.
    pub account: String,
    /// The tenant.
    pub organization: Uuid,
    /// Rises with every change of the row.
    pub revision: i64,
    /// Sorted.
    pub tags: Vec<String>,
    /// 1NCE does not list it any more.
    pub missing: bool,
}

/// A condition follows.
const SELECT: &str = "SELECT iccid, account, organization_id, revision, missing_since IS NOT NULL AS missing,
    ARRAY(SELECT tag FROM sim_tags WHERE sim_tags.iccid = sims.iccid ORDER BY tag) AS tags FROM sims";

impl Store {
    /// SIMs of every organization behind that number, in the order of their numbers.
    ///
    /// # Errors
    /// The database's.
    pub async fn members_after(&self, after: i64, limit: i64) -> Result<Vec<Member>, StoreError> {
        let sql = AssertSqlSafe(format!("{SELECT} WHERE iccid > $1 ORDER BY iccid LIMIT $2"));
        let rows = sqlx::query(sql).bind(after).bind(limit);
        Ok(rows
            .fetch_all(self.db().pool())
            .await?
            .iter()
            .map(member)
            .collect())
    }

    /// Those of the SIMs that are known, in the order of their numbers.
    ///
    /// # Errors
    /// The database's.
    pub async fn members(&self, iccids: &[Iccid]) -> Result<Vec<Member>, StoreError> {
        let iccids: Vec<i64> = iccids.iter().map(|iccid| iccid.as_i64()).collect();
        let sql = AssertSqlSafe(format!("{SELECT} WHERE iccid = ANY($1) ORDER BY iccid"));
        let rows = sqlx::query(sql).bind(iccids);
        Ok(rows
            .fetch_all(self.db().pool())
            .await?
            .iter()
            .map(member)
            .collect())
    }
}

fn member(row: &sqlx::postgres::PgRow) -> Member {
    Member {
        iccid: row.get("iccid"),
        account: row.get("account"),
        organization: row.get("organization_id"),
        revision: row.get("revision"),
        tags: row.get("tags"),
        missing: row.get("missing"),
    }
}
