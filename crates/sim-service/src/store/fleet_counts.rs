//! How many SIMs are in which state, and how long ago 1NCE told about them.

use chrono::{DateTime, Utc};

use super::{Scope, Store};
use crate::error::StoreError;

/// SIMs that are in the same state.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct StateCount {
    /// The status number of lists.
    pub list_status: i16,
    /// 1NCE's id of the quota's status; -1 where it tells none.
    pub data_status: i32,
    /// The same of SMS.
    pub sms_status: i32,
    /// How many; never 0.
    pub sims: i64,
}

/// The states of a scope as of one moment.
#[derive(Debug)]
pub struct FleetCounts {
    /// When they were read.
    pub as_of: DateTime<Utc>,
    /// Each combination that some SIM has.
    pub states: Vec<StateCount>,
    /// Each account and the start of its last complete sweep; only for [`Scope::All`].
    pub accounts: Vec<(String, Option<DateTime<Utc>>)>,
    /// The oldest and the newest `last_synced_at` of listed SIMs; only for an organization that has some.
    pub synced: Option<(DateTime<Utc>, DateTime<Utc>)>,
}

const STATES: &str =
    "SELECT list_status, data_status, sms_status, sum(sims)::bigint AS sims FROM fleet_counts
    WHERE ($1::uuid IS NULL OR organization_id = $1)
    GROUP BY 1, 2, 3 HAVING sum(sims) <> 0 ORDER BY 1, 2, 3";

/// Two steps in an index for each account, and the few SIMs that the last complete sweep could not judge.
const SYNCED: &str = "WITH ends AS (
        SELECT greatest(first.read_at, last_complete_at) AS oldest, greatest(last.read_at, last_complete_at) AS newest
        FROM accounts,
            LATERAL (SELECT read_at FROM sims WHERE organization_id = $1 AND account = slug AND missing_since IS NULL
                     AND NOT unjudged ORDER BY read_at LIMIT 1) AS first,
            LATERAL (SELECT read_at FROM sims WHERE organization_id = $1 AND account = slug AND missing_since IS NULL
                     AND NOT unjudged ORDER BY read_at DESC LIMIT 1) AS last
        UNION ALL
        SELECT read_at, read_at FROM sims WHERE organization_id = $1 AND unjudged AND missing_since IS NULL
    )
    SELECT min(oldest), max(newest) FROM ends";

impl Store {
    /// Counts in one snapshot; costs a sum over a few hundred rows, however many SIMs there are.
    ///
    /// # Errors
    /// The database's.
    pub async fn fleet_counts(&self, scope: Scope) -> Result<FleetCounts, StoreError> {
        const SNAPSHOT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
        let mut snapshot = self.db.pool().begin_with(SNAPSHOT).await?;
        let as_of = sqlx::query_scalar("SELECT clock_timestamp()")
            .fetch_one(&mut *snapshot)
            .await?;
        let states = sqlx::query_as(STATES)
            .bind(scope.filter())
            .fetch_all(&mut *snapshot)
            .await?;
        let mut counts = FleetCounts {
            as_of,
            states,
            accounts: Vec::new(),
            synced: None,
        };
        match scope.filter() {
            None => {
                counts.accounts = sqlx::query_as("SELECT slug, last_complete_at FROM accounts ORDER BY slug")
                    .fetch_all(&mut *snapshot)
                    .await?;
            }
            Some(organization) => {
                let (oldest, newest) = sqlx::query_as(SYNCED)
                    .bind(organization)
                    .fetch_one(&mut *snapshot)
                    .await?;
                counts.synced = Option::zip(oldest, newest);
            }
        }
        snapshot.commit().await?;
        Ok(counts)
    }
}
