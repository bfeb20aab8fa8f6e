use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Store, SyncRun};
use crate::error::StoreError;

/// What the stored pages of one pass add up to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::FromRow)]
pub struct Pages {
    /// Different SIMs.
    pub distinct_sims: i64,
    /// Records that could not be read.
    pub rejected: i64,
}

/// Records of a page that could not be read: the text of each, and why.
#[derive(Debug, Clone, Default)]
pub struct Rejects {
    /// The records as they came.
    pub raws: Vec<String>,
    /// The reason of each.
    pub reasons: Vec<String>,
}

impl Store {
    /// Notes what a page held, beside its rows.
    ///
    /// # Errors
    /// The database's.
    pub async fn note_page(
        transaction: &mut PgConnection,
        run: &SyncRun,
        page: i32,
        iccids: &[i64],
        rejects: &Rejects,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO sweep_pages (run_id, pass, page, iccids, rejected) VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(run.id)
        .bind(run.pass)
        .bind(page)
        .bind(iccids)
        .bind(i32::try_from(rejects.raws.len()).unwrap_or(i32::MAX))
        .execute(&mut *transaction)
        .await?;
        if rejects.raws.is_empty() {
            return Ok(());
        }
        sqlx::query(
            "INSERT INTO rejects AS held (account, digest, raw, reason, seen, run_id)
             SELECT $1, sha256(convert_to(raw, 'UTF8')), raw, min(reason), count(*), $2
             FROM unnest($3::text[], $4::text[]) AS told (raw, reason) GROUP BY raw ORDER BY 2
             ON CONFLICT (account, digest) DO UPDATE SET seen = held.seen + excluded.seen, run_id = excluded.run_id,
                 reason = excluded.reason, last_seen_at = excluded.last_seen_at",
        )
        .bind(&run.account)
        .bind(run.id)
        .bind(&rejects.raws)
        .bind(&rejects.reasons)
        .execute(transaction)
        .await?;
        Ok(())
    }

    /// What a pass has seen.
    ///
    /// # Errors
    /// The database's.
    pub async fn pages(&self, run: Uuid, pass: i32) -> Result<Pages, StoreError> {
        Ok(sqlx::query_as(
            "SELECT (SELECT count(DISTINCT iccid) FROM sweep_pages, unnest(iccids) AS iccid
                     WHERE run_id = $1 AND pass = $2) AS distinct_sims,
                    (SELECT coalesce(sum(rejected), 0) FROM sweep_pages WHERE run_id = $1 AND pass = $2)::bigint AS rejected",
        )
        .bind(run)
        .bind(pass)
        .fetch_one(self.db.pool())
        .await?)
    }

    /// SIMs of the account that are listed here, were last read before the run began, and that no pass of it has seen.
    ///
    /// # Errors
    /// The database's.
    pub async fn unseen(
        &self,
        run: Uuid,
        account: &str,
        began: DateTime<Utc>,
    ) -> Result<Vec<i64>, StoreError> {
        Ok(sqlx::query_scalar(
            "SELECT iccid FROM sims
             WHERE account = $2 AND missing_since IS NULL AND read_at < $3
               AND NOT EXISTS (SELECT FROM (SELECT unnest(iccids) AS iccid FROM sweep_pages WHERE run_id = $1) AS seen
                               WHERE seen.iccid = sims.iccid)
             ORDER BY iccid",
        )
        .bind(run)
        .bind(account)
        .bind(began)
        .fetch_all(self.db.pool())
        .await?)
    }
}
