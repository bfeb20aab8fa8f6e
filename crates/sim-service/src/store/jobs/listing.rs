//! Pages of jobs and of their items.

use domain::{ItemOutcome, JobKind, JobStatus};
use sqlx::{AssertSqlSafe, QueryBuilder};
use uuid::Uuid;

use super::{COLUMNS, ItemResult, Job, Scope, Store};
use crate::error::StoreError;
use crate::store::PageError;

/// Which jobs, the newest first. The scope is part of its making.
#[derive(Debug, Clone)]
pub struct JobList {
    /// Whose jobs.
    pub scope: Scope,
    /// Only of this status.
    pub status: Option<JobStatus>,
    /// Only of this kind.
    pub kind: Option<JobKind>,
    /// Behind the job that this cursor names.
    pub cursor: Option<String>,
    /// Rows wanted.
    pub size: i64,
}

/// Which items of a job, in their order.
#[derive(Debug, Clone)]
pub struct ResultList {
    /// The job.
    pub job: Uuid,
    /// Only with this outcome; `pending` is also what is being called.
    pub outcome: Option<ItemOutcome>,
    /// Behind this place.
    pub after: i64,
    /// Rows wanted.
    pub size: i64,
}

/// The cursor behind a job.
pub fn cursor_after(job: &Job) -> String {
    format!("{:x}-{}", job.created_at.timestamp_micros(), job.id.simple())
}

fn read_cursor(cursor: &str) -> Option<(i64, Uuid)> {
    let (micros, id) = cursor.split_once('-')?;
    Some((i64::from_str_radix(micros, 16).ok()?, Uuid::try_parse(id).ok()?))
}

impl Store {
    /// One page of jobs; one job more than wanted when others follow.
    ///
    /// # Errors
    /// [`PageError::Refused`] for a foreign cursor; the database's.
    pub async fn list_jobs(&self, list: &JobList) -> Result<Vec<Job>, PageError> {
        let mut query = QueryBuilder::new(format!("SELECT {COLUMNS} FROM jobs WHERE true"));
        if let Some(organization) = list.scope.filter() {
            query.push(" AND organization_id = ").push_bind(organization);
        }
        if let Some(status) = list.status {
            query.push(" AND status = ").push_bind(status.word());
        }
        if let Some(kind) = list.kind {
            query.push(" AND kind = ").push_bind(kind.word());
        }
        if let Some(cursor) = &list.cursor {
            let invalid = || PageError::cursor("is not a cursor of this list");
            let (micros, id) = read_cursor(cursor).ok_or_else(invalid)?;
            let at = chrono::DateTime::from_timestamp_micros(micros).ok_or_else(invalid)?;
            query.push(" AND (created_at, id) < (").push_bind(at);
            query.push(", ").push_bind(id).push(")");
        }
        query
            .push(" ORDER BY created_at DESC, id DESC LIMIT ")
            .push_bind(list.size + 1);
        let jobs = query.build_query_as().persistent(false).fetch_all(self.db.pool());
        Ok(jobs.await?)
    }

    /// One page of a job's items, one more than wanted when others follow; the caller has read the job under its scope.
    ///
    /// # Errors
    /// The database's.
    pub async fn job_results(&self, list: &ResultList) -> Result<Vec<ItemResult>, StoreError> {
        let items = sqlx::query_as(AssertSqlSafe(results_of(list.outcome)))
            .bind(list.job)
            .bind(list.after)
            .bind(list.size + 1)
            .fetch_all(self.db.pool());
        Ok(items.await?)
    }
}

/// A page of items by job, place and size: a walk along one index for each stored word, so that the last pending ones of a
/// large job are found as fast as the first.
fn results_of(outcome: Option<ItemOutcome>) -> String {
    let walk = |condition: &str| {
        format!(
            "(SELECT seq, line, iccid, text, replace(outcome, 'calling', 'pending') AS outcome, code, message, diff,
                  finished_at FROM job_items
              WHERE job_id = $1 AND {condition} AND seq > $2 ORDER BY job_items.seq LIMIT $3)"
        )
    };
    match outcome {
        None => walk("true"),
        Some(ItemOutcome::Pending) => format!(
            "{} UNION ALL {} ORDER BY seq LIMIT $3",
            walk("outcome = 'pending'"),
            walk("outcome = 'calling'")
        ),
        Some(outcome) => walk(&format!("outcome = '{}'", outcome.word())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use test_support::Scope as TestScope;

    #[tokio::test]
    async fn the_last_pending_items_of_a_large_job_are_found_without_passing_the_others() {
        let scope = TestScope::new().await;
        let config = scope.runtime_config().database;
        crate::SERVICE.migrate(&config).await.unwrap();
        let db = service_runtime::db::Db::connect(&config, crate::SERVICE.schema)
            .await
            .unwrap();
        sqlx::raw_sql(
            "INSERT INTO jobs (id, kind, status, dry_run, created_by, work, digest)
             VALUES ('00000000-0000-0000-0000-000000000001', 'sims.update', 'running', false, 'user:u1', '{}', '');
             INSERT INTO job_items (job_id, seq, iccid, outcome)
             SELECT '00000000-0000-0000-0000-000000000001', n, n,
                 CASE WHEN n <= 10000 THEN 'succeeded' WHEN n % 2 = 0 THEN 'pending' ELSE 'calling' END
             FROM generate_series(1, 20000) AS n;
             ANALYZE job_items",
        )
        .execute(db.pool())
        .await
        .unwrap();

        let plan: Vec<String> = sqlx::query_scalar(AssertSqlSafe(format!(
            "EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) {}",
            results_of(Some(ItemOutcome::Pending))
        )))
        .bind(Uuid::from_u128(1))
        .bind(0_i64)
        .bind(5_i64)
        .fetch_all(db.pool())
        .await
        .unwrap();
        let list = ResultList {
            job: Uuid::from_u128(1),
            outcome: Some(ItemOutcome::Pending),
            after: 0,
            size: 4,
        };
        let found = Store::new(db).job_results(&list).await.unwrap();

        assert!(!plan.join("\n").contains("Rows Removed"), "{plan:#?}");
        let places: Vec<i64> = found.iter().map(|item| item.seq).collect();
        assert_eq!(places, [10_001, 10_002, 10_003, 10_004, 10_005]);
        assert!(found.iter().all(|item| item.outcome == ItemOutcome::Pending));
    }

    proptest! {
        #[test]
        fn a_foreign_cursor_never_panics(cursor in "(\\PC*|[0-9a-f]{1,20}-[0-9a-f]{32})") {
            if let Some((micros, id)) = read_cursor(&cursor) {
                let back = read_cursor(&format!("{micros:x}-{}", id.simple()));
                prop_assert!(micros < 0 || back == Some((micros, id)));
            }
        }
    }
}
