//! The copy of the inventory, and the fleet's sums of SIMs whose organization becomes known.

use serde::Serialize;
use sqlx::PgConnection;
use sqlx::types::Json;
use uuid::Uuid;

use super::Store;
use crate::error::StoreError;

/// SIMs whose sums one transaction moves: each may have records of two years, and a statement has a limit of time.
const MOST_UNKNOWN: usize = 50;

/// What sim-service told of one SIM, as of one revision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Word {
    pub iccid: i64,
    pub account: String,
    pub organization_id: Uuid,
    pub revision: i64,
    /// `None` where it was not told.
    pub tags: Option<Vec<String>>,
    /// `None` where it was not told.
    pub missing: Option<bool>,
}

/// Rows of `$1`.
macro_rules! told {
    ($sql:literal) => {
        concat!(
            "WITH told AS MATERIALIZED (SELECT * FROM jsonb_to_recordset($1) AS told (iccid bigint, account text, ",
            "organization_id uuid, revision bigint, tags text[], missing boolean)) ",
            $sql
        )
    };
}

const INSERT: &str = told!(
    "INSERT INTO sims (iccid, organization_id, account, tags, revision, missing)
     SELECT iccid, organization_id, account, coalesce(tags, '{}'), revision, coalesce(missing, false)
     FROM told ORDER BY iccid ON CONFLICT DO NOTHING"
);

/// The SIMs that are not as told, held until the transaction ends; whose organization is learned with them.
const LOCK: &str = told!(
    "SELECT sims.iccid, sims.organization_id IS NULL FROM sims JOIN told USING (iccid)
     WHERE sims.iccid = ANY($2) AND sims.revision <= told.revision
       AND (sims.organization_id, sims.account, sims.revision, sims.tags, sims.missing) IS DISTINCT FROM
           (told.organization_id, told.account, told.revision, coalesce(told.tags, sims.tags),
            coalesce(told.missing, sims.missing))
     ORDER BY sims.iccid FOR UPDATE OF sims"
);

const UPDATE: &str = told!(
    "UPDATE sims SET organization_id = told.organization_id, account = told.account, revision = told.revision,
         tags = coalesce(told.tags, sims.tags), missing = coalesce(told.missing, sims.missing)
     FROM told WHERE sims.iccid = told.iccid AND sims.iccid = ANY($2) AND sims.revision <= told.revision"
);

impl Store {
    /// Takes over what was told, which is in order and names each SIM once. An older word changes nothing; the sums of SIMs
    /// that nobody knew move to their organizations. Answers how many those are.
    ///
    /// # Errors
    /// The database's; then telling it again completes it.
    pub async fn learn(&self, words: &[Word]) -> Result<usize, StoreError> {
        let mut learned = 0;
        loop {
            let now = self.learn_some(words).await?;
            learned += now;
            if now < MOST_UNKNOWN {
                return Ok(learned);
            }
        }
    }

    /// One transaction; leaves unknown SIMs over [`MOST_UNKNOWN`] as they are.
    async fn learn_some(&self, words: &[Word]) -> Result<usize, StoreError> {
        let mut transaction = self.db().pool().begin().await?;
        sqlx::query(INSERT)
            .bind(Json(words))
            .execute(&mut *transaction)
            .await?;
        // The numbers once more as an array: what JSON holds is no reason for PostgreSQL to take the index.
        let changed: Vec<(i64, bool)> = sqlx::query_as(LOCK)
            .bind(Json(words))
            .bind(words.iter().map(|word| word.iccid).collect::<Vec<_>>())
            .fetch_all(&mut *transaction)
            .await?;
        let (unknown, known): (Vec<_>, Vec<_>) = changed.into_iter().partition(|(_, unknown)| *unknown);
        let unknown: Vec<i64> = unknown
            .iter()
            .take(MOST_UNKNOWN)
            .map(|(iccid, _)| *iccid)
            .collect();
        let iccids: Vec<i64> = known
            .iter()
            .map(|(iccid, _)| *iccid)
            .chain(unknown.iter().copied())
            .collect();
        if !iccids.is_empty() {
            let update = sqlx::query(UPDATE).bind(Json(words)).bind(&iccids);
            update.execute(&mut *transaction).await?;
        }
        if !unknown.is_empty() {
            move_sums(&mut transaction, &unknown).await?;
        }
        transaction.commit().await?;
        Ok(unknown.len())
    }

    /// Whether any SIM's organization is known.
    ///
    /// # Errors
    /// The database's.
    pub async fn knows_sims(&self) -> Result<bool, StoreError> {
        const SQL: &str = "SELECT EXISTS (SELECT FROM sims WHERE organization_id IS NOT NULL)";
        Ok(sqlx::query_scalar(SQL).fetch_one(self.db().pool()).await?)
    }
}

/// Moves the sums of SIMs that have just become known from the unknown to their organizations. Their rows are held, so no
/// merge adds to the unknown for them meanwhile.
async fn move_sums(transaction: &mut PgConnection, iccids: &[i64]) -> Result<(), sqlx::Error> {
    sqlx::query(include_str!("move_sums.sql"))
        .bind(iccids)
        .execute(transaction)
        .await
        .map(|_| ())
}
