use super::Store;
use crate::error::StoreError;

/// How a run ended, as far as it may raise doubts.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct RunEnd {
    /// The account.
    pub account: String,
    /// Passes that it took.
    pub pass: i32,
    /// Records that could not be read.
    pub records_rejected: i64,
}

impl Store {
    /// The last two ended runs of each account, the last one first.
    ///
    /// # Errors
    /// The database's.
    pub async fn run_ends(&self) -> Result<Vec<RunEnd>, StoreError> {
        Ok(sqlx::query_as(
            "SELECT account, pass, records_rejected FROM (
                 SELECT account, pass, records_rejected,
                        row_number() OVER (PARTITION BY account ORDER BY finished_at DESC) AS place
                 FROM sync_runs WHERE finished_at IS NOT NULL) AS ended
             WHERE place <= 2 ORDER BY account, place",
        )
        .fetch_all(self.db.pool())
        .await?)
    }

    /// Whether the database makes small letters of other than ASCII ones too, on which the search relies.
    ///
    /// # Errors
    /// The database's.
    pub async fn folds_case(&self) -> Result<bool, StoreError> {
        Ok(sqlx::query_scalar("SELECT lower('ÄÉŁ') = 'äéł'")
            .fetch_one(self.db.pool())
            .await?)
    }
}
