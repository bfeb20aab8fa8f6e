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
        let outcomes = list.outcome.map(|outcome| match outcome {
            ItemOutcome::Pending => vec!["pending", "calling"],
            outcome => vec![outcome.word()],
        });
        let condition = if outcomes.is_some() {
            "job_items.outcome = ANY($2)"
        } else {
            "$2::text[] IS NULL"
        };
        let sql = format!(
            "SELECT seq, line, iccid, text, replace(outcome, 'calling', 'pending') AS outcome, code,
                 message, diff, finished_at FROM job_items
             WHERE job_id = $1 AND {condition} AND seq > $3 ORDER BY job_items.seq LIMIT $4"
        );
        let items = sqlx::query_as(AssertSqlSafe(sql))
            .bind(list.job)
            .bind(outcomes)
            .bind(list.after)
            .bind(list.size + 1)
            .fetch_all(self.db.pool());
        Ok(items.await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

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
