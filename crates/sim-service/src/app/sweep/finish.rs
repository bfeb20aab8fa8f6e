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
        let passes_before = Store::passes_of_last(&mut change, &self.account).await?;
        run.warning = warning(run, passes_before);
        if let Some(warning) = &run.warning {
            tracing::warn!(run = %run.id, account = self.account, warning, "the sweep ended well, but look at 1NCE's list");
        }
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

/// What somebody should look at: records that could not be read, and a list that no single pass proves, twice in a row.
fn warning(run: &SyncRun, passes_before: i32) -> Option<String> {
    let mut warnings = Vec::new();
    if run.records_rejected > 0 {
        warnings.push(format!("{} records could not be read", run.records_rejected));
    }
    if run.pass > 1 && passes_before > 1 {
        warnings.push(format!(
            "{} passes were needed, and {passes_before} in the run before: 1NCE's list or its total does not rest",
            run.pass
        ));
    }
    (!warnings.is_empty()).then(|| warnings.join("; "))
}

#[cfg(test)]
mod tests {
    use domain::{RunReason, RunState};

    use super::*;

    fn run(pass: i32, records_rejected: i64) -> SyncRun {
        SyncRun {
            id: uuid::Uuid::nil(),
            account: "main".to_owned(),
            state: RunState::Running,
            reason: RunReason::Schedule,
            accept_mass_missing: false,
            queued_at: DateTime::UNIX_EPOCH,
            started_at: None,
            finished_at: None,
            pass,
            pass_started_at: None,
            next_page: 1,
            pages_total: None,
            pass_total: None,
            total_moved: false,
            sims_seen: 0,
            sims_discovered: 0,
            sims_changed: 0,
            sims_missing: 0,
            records_rejected,
            resumed: 0,
            error: None,
            generation: None,
            waiting_since: None,
            waiting_reason: None,
            warning: None,
        }
    }

    #[test]
    fn rejected_records_and_repeated_passes_in_a_row_are_worth_a_look() {
        assert_eq!(warning(&run(1, 0), 3), None);
        assert_eq!(
            warning(&run(2, 0), 1),
            None,
            "the fleet may change during one run"
        );
        assert!(warning(&run(3, 0), 2).unwrap().contains("3 passes"));
        assert_eq!(warning(&run(1, 4), 1).unwrap(), "4 records could not be read");
    }
}
