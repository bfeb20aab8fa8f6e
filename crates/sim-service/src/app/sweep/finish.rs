//! The end of a run, and what is told about it.

use chrono::{DateTime, Utc};
use domain::RunState;
use service_runtime::ignored::Ignored;
use service_runtime::lease::Lease;

use super::{SweepError, Sweeper};
use crate::app::announce::Announcements;
use crate::error::StoreError;
use crate::store::{Store, SyncRun, set_complete};

/// SIMs that one transaction marks as missing.
const MARKED_AT_ONCE: usize = 1_000;

impl Sweeper {
    /// Marks what is gone, in parts that can be repeated, and ends the run.
    pub(super) async fn complete(
        &self,
        lease: &Lease,
        run: &mut SyncRun,
        gone: &[i64],
        unjudged: &[i64],
    ) -> Result<(), SweepError> {
        let began = run.started_at.unwrap_or(run.queued_at);
        for part in gone.chunks(MARKED_AT_ONCE) {
            self.mark_missing(lease, run, part, began).await?;
        }
        let mut announcements = Announcements::new(&self.app.subjects);
        let mut change = self.app.outbox.begin_under(lease).await?;
        set_complete(&mut change, &self.account, began, unjudged).await?;
        Store::finish_run(&mut change, run, RunState::Completed, None).await?;
        announcements.run_ended(run);
        change.events = announcements.batch;
        change.commit().await?;
        self.metrics.completed.increment(1);
        self.forget_old().await;
        tracing::info!(run = %run.id, seen = run.sims_seen, missing = run.sims_missing, "sweep is complete");
        Ok(())
    }

    async fn mark_missing(
        &self,
        lease: &Lease,
        run: &mut SyncRun,
        part: &[i64],
        began: DateTime<Utc>,
    ) -> Result<(), SweepError> {
        let mut next = run.clone();
        let mut announcements = Announcements::new(&self.app.subjects);
        let mut change = self.app.outbox.begin_under(lease).await?;
        let missing = Store::mark_missing(&mut change, part, began).await?;
        for sim in &missing {
            announcements.missing(sim);
        }
        next.sims_missing += i64::try_from(missing.len()).unwrap_or(0);
        Store::save_run(&mut change, &next).await?;
        change.events = announcements.batch;
        change.commit().await?;
        *run = next;
        Ok(())
    }

    /// Gives the run up; its pages stay stored.
    pub(super) async fn fail(
        &self,
        lease: &Lease,
        mut run: SyncRun,
        reason: String,
    ) -> Result<(), StoreError> {
        tracing::error!(run = %run.id, reason, "sweep failed");
        let mut announcements = Announcements::new(&self.app.subjects);
        let mut change = self.app.outbox.begin_under(lease).await?;
        Store::finish_run(&mut change, &mut run, RunState::Failed, Some(reason)).await?;
        announcements.run_ended(&run);
        change.events = announcements.batch;
        change.commit().await?;
        self.metrics.failed.increment(1);
        self.forget_old().await;
        Ok(())
    }

    /// Outside the run's last transaction, which must not wait for it.
    async fn forget_old(&self) {
        let forgotten = self.app.store.forget_old(&self.account).await;
        forgotten.ignored("deleting old rejects and runs");
    }
}
