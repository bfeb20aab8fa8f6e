use super::Store;
use crate::error::StoreError;

/// Counts of arrivals are kept for so long, days.
const HOURS_DAYS: i32 = 40;
/// Rows that one statement deletes.
const AT_ONCE: u64 = 10_000;

const REJECTS: &str = "DELETE FROM rejects WHERE id IN (
    SELECT id FROM rejects WHERE last_received_at < now() - make_interval(days => $1) LIMIT $2)";
const HOURS: &str = "DELETE FROM ingest_hours WHERE (hour, stream, writer) IN (
    SELECT hour, stream, writer FROM ingest_hours WHERE hour < now() - make_interval(days => $1) LIMIT $2)";

impl Store {
    /// Drops and compresses chunks, as far as the edition of TimescaleDB can; answers what the edition is.
    ///
    /// # Errors
    /// The database's.
    pub async fn keep_storage(
        &self,
        usage_days: i32,
        events_days: i32,
        compress_after_days: i32,
    ) -> Result<String, StoreError> {
        Ok(sqlx::query_scalar("SELECT keep_storage($1, $2, $3)")
            .bind(usage_days)
            .bind(events_days)
            .bind(compress_after_days)
            .fetch_one(self.db().pool())
            .await?)
    }

    /// Deletes rejected records that came last so many days ago, and old counts of arrivals.
    ///
    /// # Errors
    /// The database's; what was deleted before stays deleted.
    pub async fn forget_old(&self, rejects_days: i32) -> Result<(), StoreError> {
        for (statement, days) in [(REJECTS, rejects_days), (HOURS, HOURS_DAYS)] {
            while self.delete_some(statement, days).await? == AT_ONCE {}
        }
        Ok(())
    }

    async fn delete_some(&self, statement: &'static str, days: i32) -> Result<u64, StoreError> {
        let deleted = sqlx::query(statement).bind(days).bind(AT_ONCE.cast_signed());
        Ok(deleted.execute(self.db().pool()).await?.rows_affected())
    }
}
