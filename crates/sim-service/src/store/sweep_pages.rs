use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::Store;
use crate::error::StoreError;

/// What the stored pages of one pass add up to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::FromRow)]
pub struct Pages {
    /// Different SIMs.
    pub distinct_sims: i64,
    /// Records that could not be read.
    pub rejected: i64,
}

impl Store {
    /// Notes what a page held, beside its rows.
    ///
    /// # Errors
    /// The database's.
    pub async fn note_page(
        transaction: &mut PgConnection,
        run: Uuid,
        pass: i32,
        page: i32,
        iccids: &[i64],
        rejects: &[(String, String)],
    ) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO sweep_pages (run_id, pass, page, iccids, rejected) VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(run)
        .bind(pass)
        .bind(page)
        .bind(iccids)
        .bind(i32::try_from(rejects.len()).unwrap_or(i32::MAX))
        .execute(&mut *transaction)
        .await?;
        for (raw, reason) in rejects {
            sqlx::query("INSERT INTO rejects (run_id, raw, reason) VALUES ($1, $2, $3)")
                .bind(run)
                .bind(raw)
                .bind(reason)
                .execute(&mut *transaction)
                .await?;
        }
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
