//! The end of a run, and what is told about it.

use service_runtime::lease::Lease;

use super::{SweepError, Sweeper};
use crate::app::announce::Announcements;
use crate::error::StoreError;
use crate::store::{RunState, Store, SyncRun, set_complete};

impl Sweeper {
    /// Marks what is gone and ends the run, in one transaction.
    pub(super) async fn complete(
        &self,
        lease: &Lease,
        run: &mut SyncRun,
        gone: &[i64],
        complete: bool,
    ) -> Result<(), SweepError> {
        let began = run.started_at.unwrap_or(run.queued_at);
        let mut announcements = Announcements::new(&self.app.subjects);
        let mut transaction = self.app.store.db().pool().begin().await?;
        lease.check(&mut transaction).await?;
        let missing = Store::mark_missing(&mut transaction, gone, began).await?;
        for sim in &missing {
            announcements.missing(sim);
        }
        run.sims_missing = i64::try_from(missing.len()).unwrap_or(0);
        Store::save_run(&mut transaction, run).await?;
        if complete {
            set_complete(&mut transaction, &self.account, began).await?;
        }
        Store::finish_run(&mut transaction, run, RunState::Completed, None).await?;
        announcements.run_ended(run);
        announcements.batch.write(&mut transaction).await?;
        transaction.commit().await?;
        self.app.outbox.poke();
        self.metrics.completed.increment(1);
        tracing::info!(run = %run.id, seen = run.sims_seen, missing = run.sims_missing, "sweep is complete");
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
        let mut transaction = self.app.store.db().pool().begin().await?;
        lease.check(&mut transaction).await?;
        Store::finish_run(&mut transaction, &mut run, RunState::Failed, Some(reason)).await?;
        announcements.run_ended(&run);
        announcements.batch.write(&mut transaction).await?;
        transaction.commit().await?;
        self.app.outbox.poke();
        self.metrics.failed.increment(1);
        Ok(())
    }
}
