use chrono::{DateTime, Utc};
use domain::{RunReason, RunState};
use service_runtime::lease::Lease;
use sqlx::PgConnection;
use uuid::Uuid;

use super::Store;
use crate::error::StoreError;

/// One reading of an account's whole fleet.
#[derive(Debug, Clone, PartialEq, sqlx::FromRow)]
pub struct SyncRun {
    /// Unique; newer runs have larger ids.
    pub id: Uuid,
    /// The account.
    pub account: String,
    /// Where it stands.
    #[sqlx(try_from = "String")]
    pub state: RunState,
    /// Why it was queued.
    #[sqlx(try_from = "String")]
    pub reason: RunReason,
    /// Missing SIMs are marked however many they are.
    pub accept_mass_missing: bool,
    /// When it was asked for.
    pub queued_at: DateTime<Utc>,
    /// When the first process took it up.
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended.
    pub finished_at: Option<DateTime<Utc>>,
    /// 1 for the first reading, more for confirming ones.
    pub pass: i32,
    /// When this pass began.
    pub pass_started_at: Option<DateTime<Utc>>,
    /// The checkpoint: the first page of this pass that is not stored.
    pub next_page: i32,
    /// Pages expected in this pass.
    pub pages_total: Option<i32>,
    /// What 1NCE counted when this pass began.
    pub pass_total: Option<i64>,
    /// A later page of this pass counted otherwise.
    pub total_moved: bool,
    /// Records with a SIM in this pass.
    pub sims_seen: i64,
    /// New SIMs, and missing ones that returned, in all passes.
    pub sims_discovered: i64,
    /// Changed SIMs, in all passes.
    pub sims_changed: i64,
    /// SIMs marked as missing.
    pub sims_missing: i64,
    /// Records that could not be read, in all passes.
    pub records_rejected: i64,
    /// How often another process continued it.
    pub resumed: i32,
    /// Why it failed.
    pub error: Option<String>,
    /// The generation of 1NCE's API whose list it reads; `None` until it is taken up.
    pub generation: Option<String>,
    /// Since when 1NCE gives it no answer.
    pub waiting_since: Option<DateTime<Utc>>,
    /// Why.
    pub waiting_reason: Option<String>,
    /// What somebody should look at although it ended well.
    pub warning: Option<String>,
}

const COLUMNS: &str = "id, account, state, reason, accept_mass_missing, queued_at, started_at, finished_at, pass,
    pass_started_at, next_page, pages_total, pass_total, total_moved, sims_seen, sims_discovered, sims_changed,
    sims_missing, records_rejected, resumed, error, generation, waiting_since, waiting_reason, warning";

async fn one(
    connection: &mut PgConnection,
    condition: &str,
    account: &str,
) -> Result<Option<SyncRun>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM sync_runs WHERE account = $1 AND {condition} LIMIT 1");
    Ok(sqlx::query_as(sqlx::AssertSqlSafe(sql))
        .bind(account)
        .fetch_optional(connection)
        .await?)
}

/// The queued or running run of the account.
pub(super) async fn active(
    connection: &mut PgConnection,
    account: &str,
) -> Result<Option<SyncRun>, StoreError> {
    one(connection, "state IN ('queued', 'running')", account).await
}

/// The run of the account that ended last.
pub(super) async fn last(
    connection: &mut PgConnection,
    account: &str,
) -> Result<Option<SyncRun>, StoreError> {
    let condition = "finished_at IS NOT NULL ORDER BY finished_at DESC";
    one(connection, condition, account).await
}

impl Store {
    /// Queues a run of the account, unless one is active already; returns the active one.
    ///
    /// # Errors
    /// The database's.
    pub async fn queue_run(
        &self,
        account: &str,
        reason: RunReason,
        requested_by: Option<&str>,
        accept_mass_missing: bool,
    ) -> Result<SyncRun, StoreError> {
        loop {
            sqlx::query(
                "INSERT INTO sync_runs (id, account, state, reason, requested_by, accept_mass_missing)
                 VALUES ($1, $2, 'queued', $3, $4, $5)
                 ON CONFLICT (account) WHERE state IN ('queued', 'running')
                 DO UPDATE SET accept_mass_missing = sync_runs.accept_mass_missing OR excluded.accept_mass_missing",
            )
            .bind(Uuid::now_v7())
            .bind(account)
            .bind(reason.word())
            .bind(requested_by)
            .bind(accept_mass_missing)
            .execute(self.db.pool())
            .await?;
            // It may have ended between the two statements; then the next round queues a new one.
            if let Some(run) = self.active_run(account).await? {
                return Ok(run);
            }
        }
    }

    /// Queues a scheduled run when none is active and the last one began longer ago than `interval_seconds`.
    ///
    /// # Errors
    /// The database's.
    pub async fn queue_due_run(&self, account: &str, interval_seconds: u64) -> Result<bool, StoreError> {
        let queued = sqlx::query(
            "INSERT INTO sync_runs (id, account, state, reason)
             SELECT $1, $2, 'queued', 'schedule'
             WHERE NOT EXISTS (SELECT FROM sync_runs WHERE account = $2
                               AND queued_at > clock_timestamp() - make_interval(secs => $3))
             ON CONFLICT (account) WHERE state IN ('queued', 'running') DO NOTHING",
        )
        .bind(Uuid::now_v7())
        .bind(account)
        .bind(interval_seconds as f64)
        .execute(self.db.pool())
        .await?;
        Ok(queued.rows_affected() == 1)
    }

    /// The queued or running run of the account.
    ///
    /// # Errors
    /// The database's.
    pub async fn active_run(&self, account: &str) -> Result<Option<SyncRun>, StoreError> {
        let mut connection = self.db.pool().acquire().await?;
        active(&mut connection, account).await
    }

    /// Takes the account's active run up, for the first time or after another process; `None` when there is none.
    ///
    /// # Errors
    /// The database's, or the lease's when it was lost meanwhile.
    pub async fn take_up_run(&self, account: &str, lease: &Lease) -> Result<Option<SyncRun>, StoreError> {
        let sql = format!(
            "UPDATE sync_runs SET state = 'running', resumed = resumed + (state = 'running')::int,
                 started_at = coalesce(started_at, clock_timestamp()),
                 pass_started_at = coalesce(pass_started_at, clock_timestamp())
             WHERE account = $1 AND state IN ('queued', 'running') RETURNING {COLUMNS}"
        );
        let mut transaction = self.db.pool().begin().await?;
        lease.check(&mut transaction).await?;
        let run = sqlx::query_as(sqlx::AssertSqlSafe(sql))
            .bind(account)
            .fetch_optional(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(run)
    }

    /// Writes the checkpoint and the counters of a run.
    ///
    /// # Errors
    /// The database's.
    pub async fn save_run(transaction: &mut PgConnection, run: &SyncRun) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE sync_runs SET pass = $2, next_page = $3, pages_total = $4, pass_total = $5, total_moved = $6,
                 sims_seen = $7, sims_discovered = $8, sims_changed = $9, sims_missing = $10, records_rejected = $11,
                 pass_started_at = $12, waiting_since = NULL, waiting_reason = NULL
             WHERE id = $1",
        )
        .bind(run.id)
        .bind(run.pass)
        .bind(run.next_page)
        .bind(run.pages_total)
        .bind(run.pass_total)
        .bind(run.total_moved)
        .bind(run.sims_seen)
        .bind(run.sims_discovered)
        .bind(run.sims_changed)
        .bind(run.sims_missing)
        .bind(run.records_rejected)
        .bind(run.pass_started_at)
        .execute(transaction)
        .await?;
        Ok(())
    }

    /// Binds a run to the generation whose list it reads; one that is bound stays so.
    ///
    /// # Errors
    /// The database's.
    pub async fn bind_run(
        transaction: &mut PgConnection,
        run: &SyncRun,
        generation: &str,
    ) -> Result<(), StoreError> {
        sqlx::query("UPDATE sync_runs SET generation = $2 WHERE id = $1 AND generation IS NULL")
            .bind(run.id)
            .bind(generation)
            .execute(transaction)
            .await?;
        Ok(())
    }

    /// Notes why 1NCE gives a run no answer; a stored page ends that.
    ///
    /// # Errors
    /// The database's.
    pub async fn note_wait(&self, run: Uuid, reason: &str) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE sync_runs SET waiting_since = coalesce(waiting_since, clock_timestamp()), waiting_reason = $2
             WHERE id = $1 AND state = 'running' AND waiting_reason IS DISTINCT FROM $2",
        )
        .bind(run)
        .bind(reason)
        .execute(self.db.pool())
        .await?;
        Ok(())
    }

    /// Why 1NCE gives the account's newest run no answer, or gave it none until it failed.
    ///
    /// # Errors
    /// The database's.
    pub async fn newest_wait(&self, account: &str) -> Result<Option<String>, StoreError> {
        let found: Option<Option<String>> = sqlx::query_scalar(
            "SELECT waiting_reason FROM sync_runs WHERE account = $1 AND started_at IS NOT NULL
             ORDER BY queued_at DESC LIMIT 1",
        )
        .bind(account)
        .fetch_optional(self.db.pool())
        .await?;
        Ok(found.flatten())
    }

    /// The generation whose list the last complete run has read.
    ///
    /// # Errors
    /// The database's.
    pub async fn last_list_generation(&self, account: &str) -> Result<Option<String>, StoreError> {
        let found: Option<Option<String>> = sqlx::query_scalar(
            "SELECT generation FROM sync_runs WHERE account = $1 AND state = 'completed' AND generation IS NOT NULL
             ORDER BY finished_at DESC LIMIT 1",
        )
        .bind(account)
        .fetch_optional(self.db.pool())
        .await?;
        Ok(found.flatten())
    }

    /// How many passes the run before needed that ended last.
    ///
    /// # Errors
    /// The database's.
    pub async fn passes_of_last(transaction: &mut PgConnection, account: &str) -> Result<i32, StoreError> {
        Ok(last(transaction, account).await?.map_or(1, |run| run.pass))
    }

    /// Ends a run and forgets its pages.
    ///
    /// # Errors
    /// The database's.
    pub async fn finish_run(
        transaction: &mut PgConnection,
        run: &mut SyncRun,
        state: RunState,
        error: Option<String>,
    ) -> Result<(), StoreError> {
        let finished: DateTime<Utc> = sqlx::query_scalar(
            "UPDATE sync_runs SET state = $2, error = $3, finished_at = clock_timestamp(), warning = $4
             WHERE id = $1 RETURNING finished_at",
        )
        .bind(run.id)
        .bind(state.word())
        .bind(&error)
        .bind(&run.warning)
        .fetch_one(&mut *transaction)
        .await?;
        sqlx::query("DELETE FROM sweep_pages WHERE run_id = $1")
            .bind(run.id)
            .execute(&mut *transaction)
            .await?;
        run.state = state;
        run.error = error;
        run.finished_at = Some(finished);
        Ok(())
    }
}
