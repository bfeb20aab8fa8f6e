use domain::{Iccid, Metadata, OrganizationId, Scope, Tags};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sqlx::{AssertSqlSafe, PgConnection};

use super::Store;
use super::row::{SELECT, SimRow, StoredSim};
use crate::error::StoreError;

/// What users keep beside 1NCE's data. What is not set stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SimPatch {
    /// The new tags.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tags: Option<Tags>,
    /// Beside `tags`, or beside those that the SIM has.
    #[serde(skip_serializing_if = "Tags::is_empty")]
    pub add_tags: Tags,
    /// Taken away last.
    #[serde(skip_serializing_if = "Tags::is_empty")]
    pub remove_tags: Tags,
    /// The new JSON object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Metadata>,
    /// The new tenant.
    #[serde(rename = "organization_id", skip_serializing_if = "Option::is_none")]
    pub organization: Option<OrganizationId>,
}

/// What one SIM gets by a patch.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SimFields {
    /// All of its tags, sorted and without duplicates.
    pub tags: Option<Vec<String>>,
    /// The new JSON object.
    pub metadata: Option<Map<String, Value>>,
    /// The new tenant.
    pub organization: Option<OrganizationId>,
}

impl SimFields {
    fn row(&self, iccid: Iccid) -> Value {
        serde_json::json!({
            "iccid": iccid.as_i64(), "tags": self.tags, "metadata": self.metadata,
            "organization_id": self.organization,
        })
    }
}

impl SimPatch {
    /// What of it this SIM has not yet; `None` when it has everything.
    pub fn against(&self, sim: &StoredSim) -> Option<SimFields> {
        let metadata = self.metadata.as_ref().map(Metadata::as_map);
        let wanted = SimFields {
            tags: Some(self.tags_over(&sim.tags)).filter(|tags| *tags != sim.tags),
            metadata: metadata.filter(|wanted| **wanted != sim.metadata).cloned(),
            organization: self.organization.filter(|wanted| *wanted != sim.organization),
        };
        (wanted != SimFields::default()).then_some(wanted)
    }

    fn tags_over(&self, held: &[String]) -> Vec<String> {
        let base = self.tags.as_ref().map_or(held, Tags::as_slice);
        let mut tags: Vec<String> = base.iter().chain(self.add_tags.as_slice()).cloned().collect();
        tags.retain(|tag| !self.remove_tags.as_slice().contains(tag));
        tags.sort();
        tags.dedup();
        tags
    }
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

    /// SIMs by number, in no order; what the scope does not hold is left out.
    ///
    /// # Errors
    /// The database's.
    pub async fn sims(&self, scope: Scope, iccids: &[i64]) -> Result<Vec<StoredSim>, StoreError> {
        const SQL: &str = "WHERE iccid = ANY($1) AND ($2::uuid IS NULL OR sims.organization_id = $2)";
        let rows: Vec<SimRow> = sqlx::query_as(AssertSqlSafe(format!("{SELECT} {SQL}")))
            .bind(iccids)
            .bind(scope.filter())
            .fetch_all(self.db.pool())
            .await?;
        rows.into_iter().map(SimRow::into_domain).collect()
    }

    /// SIMs by number, locked until the transaction ends, in the order of their numbers.
    ///
    /// # Errors
    /// The database's.
    pub async fn lock_sims(
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

    /// Writes patches of [`SimPatch::against`] to locked SIMs and raises their revisions.
    ///
    /// # Errors
    /// The database's.
    pub async fn write_patches(
        transaction: &mut PgConnection,
        patches: &[(Iccid, SimFields)],
    ) -> Result<(), StoreError> {
        const WANTED: &str = "jsonb_to_recordset($1) AS wanted (
            iccid bigint, tags text[], metadata jsonb, organization_id uuid)";
        let rows: Vec<Value> = patches.iter().map(|(iccid, fields)| fields.row(*iccid)).collect();
        let rows = Value::Array(rows);
        // The rows first: new tags take the tenant from them, and a trigger moves the tags that are there.
        for statement in [
            format!(
                "UPDATE sims SET metadata = coalesce(wanted.metadata, sims.metadata),
                     organization_id = coalesce(wanted.organization_id, sims.organization_id),
                     revision = revision + 1, updated_at = now()
                 FROM {WANTED} WHERE sims.iccid = wanted.iccid"
            ),
            format!(
                "DELETE FROM sim_tags USING {WANTED}
                 WHERE sim_tags.iccid = wanted.iccid AND tag <> ALL(wanted.tags)"
            ),
            format!(
                "INSERT INTO sim_tags (iccid, tag, organization_id, list_status)
                 SELECT sims.iccid, unnest(wanted.tags), sims.organization_id, list_status
                 FROM {WANTED} JOIN sims ON sims.iccid = wanted.iccid
                 ON CONFLICT DO NOTHING"
            ),
        ] {
            sqlx::query(AssertSqlSafe(statement))
                .bind(&rows)
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
