use super::Store;
use crate::error::StoreError;

/// Rows that one statement deletes.
const AT_ONCE: u64 = 1_000;

const REJECTS: &str = "DELETE FROM rejects WHERE (account, digest) IN (
    SELECT account, digest FROM rejects WHERE account = $1 AND last_seen_at < now() - interval '30 days' LIMIT $2)";
const RUNS: &str = "DELETE FROM sync_runs WHERE id IN (
    SELECT id FROM sync_runs WHERE account = $1 AND finished_at < now() - interval '90 days' LIMIT $2)";

const ITEMS: &str = "DELETE FROM job_items WHERE (job_id, seq) IN (
    SELECT job_id, seq FROM job_items JOIN jobs ON jobs.id = job_id
    WHERE jobs.finished_at < now() - interval '90 days' LIMIT $1)";
const JOBS: &str = "DELETE FROM jobs WHERE id IN (
    SELECT id FROM jobs WHERE finished_at < now() - interval '90 days'
        AND NOT EXISTS (SELECT FROM job_items WHERE job_id = jobs.id) LIMIT $1)";
const LEASES: &str = "DELETE FROM leases WHERE name IN (
    SELECT name FROM leases WHERE (name LIKE 'job %' OR name LIKE 'sim %') AND expires_at < now() - interval '1 day' LIMIT $1)";

impl Store {
    /// Deletes jobs that ended 90 days ago, with their items.
    ///
    /// # Errors
    /// The database's; what was deleted before stays deleted.
    pub async fn forget_jobs(&self) -> Result<(), StoreError> {
        for statement in [ITEMS, JOBS, LEASES] {
            loop {
                let deleted = sqlx::query(statement).bind(AT_ONCE.cast_signed());
                if deleted.execute(self.db.pool()).await?.rows_affected() < AT_ONCE {
                    break;
                }
            }
        }
        Ok(())
    }

    /// Deletes the account's runs that ended 90 days ago, and records that could not be read and came last 30 days ago.
    ///
    /// # Errors
    /// The database's; what was deleted before stays deleted.
    pub async fn forget_old(&self, account: &str) -> Result<(), StoreError> {
        for statement in [REJECTS, RUNS] {
            while self.delete_some(statement, account).await? == AT_ONCE {}
        }
        Ok(())
    }

    async fn delete_some(&self, statement: &'static str, account: &str) -> Result<u64, StoreError> {
        let deleted = sqlx::query(statement).bind(account).bind(AT_ONCE.cast_signed());
        Ok(deleted.execute(self.db.pool()).await?.rows_affected())
    }
}

#[cfg(test)]
mod tests {
    use domain::{AccountSlug, OrganizationId, RunReason};
    use service_runtime::db::Db;
    use test_support::Scope;

    use super::*;
    use crate::store::{Rejects, SyncRun, ensure_account};

    async fn store_with_run(scope: &Scope) -> (Store, SyncRun) {
        let config = scope.runtime_config().database;
        crate::SERVICE.migrate(&config).await.unwrap();
        let store = Store::new(Db::connect(&config, crate::SERVICE.schema).await.unwrap());
        let account = AccountSlug::parse("main").unwrap();
        ensure_account(&store, &account, OrganizationId::DEFAULT)
            .await
            .unwrap();
        let run = store
            .queue_run("main", RunReason::Schedule, None, false)
            .await
            .unwrap();
        (store, run)
    }

    async fn count(store: &Store, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql)
            .fetch_one(store.db().pool())
            .await
            .unwrap()
    }

    #[tokio::test]
    async fn a_record_that_stays_unreadable_is_kept_once_and_old_ones_are_forgotten() {
        let scope = Scope::new().await;
        let (store, run) = store_with_run(&scope).await;
        let rejects = Rejects {
            raws: vec!["{\"iccid\":1}".into(), "{\"iccid\":1}".into(), "{}".into()],
            reasons: vec!["short".into(), "short".into(), "no ICCID".into()],
        };
        let mut connection = store.db().pool().acquire().await.unwrap();
        for page in [1, 2] {
            Store::note_page(&mut connection, &run, page, &[], &rejects)
                .await
                .unwrap();
        }
        let seen: Vec<i64> = sqlx::query_scalar("SELECT seen FROM rejects ORDER BY seen")
            .fetch_all(&mut *connection)
            .await
            .unwrap();
        assert_eq!(seen, [2, 4]);

        sqlx::raw_sql(
            "UPDATE rejects SET last_seen_at = now() - interval '31 days' WHERE seen = 4;
             INSERT INTO sync_runs (id, account, state, reason, finished_at)
             SELECT gen_random_uuid(), 'main', 'completed', 'schedule', now() - make_interval(days => 89 + n % 2 * 2)
             FROM generate_series(1, 2400) AS n",
        )
        .execute(&mut *connection)
        .await
        .unwrap();
        store.forget_old("main").await.unwrap();

        assert_eq!(count(&store, "SELECT count(*) FROM rejects").await, 1);
        assert_eq!(
            count(&store, "SELECT count(*) FROM sync_runs").await,
            1_201,
            "the active one and those of 89 days ago"
        );
    }
}
