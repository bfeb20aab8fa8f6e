use super::Store;
use crate::error::StoreError;

impl Store {
    /// Takes SIMs that nobody knows and that were not asked for, or so long ago that they are due again: an hour after
    /// the first time, then twice as long each time, up to a day.
    ///
    /// # Errors
    /// The database's.
    pub async fn take_unknown(&self, limit: i64) -> Result<Vec<i64>, StoreError> {
        let taken = sqlx::query_scalar(
            "WITH due AS MATERIALIZED (
                 SELECT iccid FROM sims
                 WHERE organization_id IS NULL
                   AND (asked_at IS NULL
                        OR asked_at < now() - interval '1 hour' * least(24, power(2, least(asks, 10) - 1)))
                 ORDER BY asked_at NULLS FIRST LIMIT $1 FOR UPDATE SKIP LOCKED
             )
             UPDATE sims SET asked_at = now(), asks = asks + 1 FROM due WHERE sims.iccid = due.iccid
             RETURNING sims.iccid",
        );
        Ok(taken.bind(limit).fetch_all(self.db().pool()).await?)
    }

    /// These could not be asked for: they are due at once.
    ///
    /// # Errors
    /// The database's.
    pub async fn give_back_unknown(&self, iccids: &[i64]) -> Result<(), StoreError> {
        const SQL: &str = "UPDATE sims SET asked_at = NULL, asks = asks - 1
                           WHERE iccid = ANY($1) AND organization_id IS NULL AND asks > 0";
        sqlx::query(SQL).bind(iccids).execute(self.db().pool()).await?;
        Ok(())
    }

    /// How many SIMs sent records and are known to no inventory.
    ///
    /// # Errors
    /// The database's.
    pub async fn count_unknown(&self) -> Result<i64, StoreError> {
        const SQL: &str = "SELECT count(*) FROM sims WHERE organization_id IS NULL";
        Ok(sqlx::query_scalar(SQL).fetch_one(self.db().pool()).await?)
    }
}
