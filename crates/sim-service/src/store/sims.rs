use domain::{Iccid, OrganizationId};
use serde_json::{Map, Value};
use sqlx::{AssertSqlSafe, PgConnection};

use super::Store;
use super::row::{SELECT, SimRow, StoredSim};
use crate::error::StoreError;

/// Whose SIMs a query may see. Every query of tenant data takes one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Every organization's: sim-service itself and platform administrators.
    All,
    /// One organization's.
    Organization(OrganizationId),
}

impl Scope {
    /// The organization's id, or NULL for all: bind it to `($n::uuid IS NULL OR organization_id = $n)`.
    pub fn filter(self) -> Option<uuid::Uuid> {
        match self {
            Self::All => None,
            Self::Organization(organization) => Some(organization.0),
        }
    }
}

/// What users keep beside 1NCE's data. `None` leaves it as it is.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SimPatch {
    /// The new tags, sorted and without duplicates.
    pub tags: Option<Vec<String>>,
    /// The new JSON object.
    pub metadata: Option<Map<String, Value>>,
}

impl Store {
    /// One SIM.
    ///
    /// # Errors
    /// The database's.
    pub async fn sim(&self, scope: Scope, iccid: Iccid) -> Result<Option<StoredSim>, StoreError> {
        const SQL: &str = "WHERE iccid = $1 AND ($2::uuid IS NULL OR sims.organization_id = $2)";
        let row: Option<SimRow> = sqlx::query_as(AssertSqlSafe(format!("{SELECT} {SQL}")))
            .bind(iccid.as_i64())
            .bind(scope.filter())
            .fetch_optional(self.db.pool())
            .await?;
        row.map(SimRow::into_domain).transpose()
    }

    /// SIMs by number, locked until the transaction ends, in the order of their numbers.
    pub(super) async fn lock_sims(
        transaction: &mut PgConnection,
        iccids: &[i64],
    ) -> Result<Vec<StoredSim>, StoreError> {
        // Two statements: after waiting for a lock PostgreSQL reads the locked row again, but not its tags.
        const SQL: &str = "WHERE iccid = ANY($1) ORDER BY iccid";
        sqlx::query("SELECT FROM sims WHERE iccid = ANY($1) ORDER BY iccid FOR UPDATE")
            .bind(iccids)
            .execute(&mut *transaction)
            .await?;
        let rows: Vec<SimRow> = sqlx::query_as(AssertSqlSafe(format!("{SELECT} {SQL}")))
            .bind(iccids)
            .fetch_all(transaction)
            .await?;
        rows.into_iter().map(SimRow::into_domain).collect()
    }

    /// Replaces tags and metadata of a locked SIM; the caller writes the row's revision.
    ///
    /// # Errors
    /// The database's.
    pub async fn write_patch(
        transaction: &mut PgConnection,
        iccid: Iccid,
        patch: &SimPatch,
    ) -> Result<(), StoreError> {
        if let Some(tags) = &patch.tags {
            sqlx::query("DELETE FROM sim_tags WHERE iccid = $1 AND tag <> ALL($2)")
                .bind(iccid.as_i64())
                .bind(tags)
                .execute(&mut *transaction)
                .await?;
            sqlx::query(
                "INSERT INTO sim_tags (iccid, tag, organization_id, list_status)
                 SELECT iccid, unnest($2::text[]), organization_id, list_status FROM sims WHERE iccid = $1
                 ON CONFLICT DO NOTHING",
            )
            .bind(iccid.as_i64())
            .bind(tags)
            .execute(&mut *transaction)
            .await?;
        }
        if let Some(metadata) = &patch.metadata {
            sqlx::query("UPDATE sims SET metadata = $2 WHERE iccid = $1")
                .bind(iccid.as_i64())
                .bind(Value::Object(metadata.clone()))
                .execute(&mut *transaction)
                .await?;
        }
        Ok(())
    }

    /// How many SIMs of the account have each status number that lists filter by.
    ///
    /// # Errors
    /// The database's.
    pub async fn count_by_status(&self, account: &str) -> Result<Vec<(i16, i64)>, StoreError> {
        Ok(sqlx::query_as(
            "SELECT list_status, sum(sims)::bigint FROM sim_buckets WHERE account = $1 GROUP BY list_status",
        )
        .bind(account)
        .fetch_all(self.db.pool())
        .await?)
    }

    /// How many SIMs of the account are listed, and how many are missing.
    ///
    /// # Errors
    /// The database's.
    pub async fn count_sims(connection: &mut PgConnection, account: &str) -> Result<(i64, i64), StoreError> {
        Ok(sqlx::query_as(
            "SELECT coalesce(sum(sims) FILTER (WHERE list_status < 9), 0)::bigint,
                    coalesce(sum(sims) FILTER (WHERE list_status = 9), 0)::bigint
             FROM sim_buckets WHERE account = $1",
        )
        .bind(account)
        .fetch_one(connection)
        .await?)
    }
}
