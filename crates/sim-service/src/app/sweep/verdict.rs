//! What a finished pass proves.

use chrono::{DateTime, Utc};
use domain::Iccid;
use once_client::Lane;

use super::{SweepError, Sweeper};
use crate::store::SyncRun;

/// What follows from a pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Read the list once more.
    Confirm,
    /// The run is over.
    End {
        /// SIMs that are gone for certain.
        gone: Vec<i64>,
        /// Every SIM that 1NCE lists was read since the run began.
        complete: bool,
    },
}

/// What a pass showed.
#[derive(Debug, Clone, Copy)]
struct Evidence {
    pass: i32,
    /// 1NCE counted the same on each page, and the pass has seen that many.
    clean: bool,
    /// Known SIMs that no pass has seen.
    unseen: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Confirm,
    LookAtEach,
    AllAreGone,
    LeaveForNextRun,
}

/// A list that moved under the pass may have hidden a SIM at a page's edge, so it is read again. A few unseen SIMs are
/// looked at one by one, which proves more than another pass; many need a second, clean pass.
fn next_step(evidence: Evidence, max_passes: i32, verify_singly: usize) -> Step {
    if !evidence.clean && evidence.pass < max_passes {
        return Step::Confirm;
    }
    if evidence.unseen <= verify_singly {
        return Step::LookAtEach;
    }
    match (evidence.pass, evidence.clean) {
        (1, _) => Step::Confirm,
        (_, true) => Step::AllAreGone,
        (_, false) => Step::LeaveForNextRun,
    }
}

impl Sweeper {
    pub(super) async fn judge(&self, run: &SyncRun) -> Result<Verdict, SweepError> {
        let store = &self.app.store;
        let settings = &self.app.sweep;
        let pages = store.pages(run.id, run.pass).await?;
        let all_seen = run
            .pass_total
            .is_none_or(|total| pages.distinct_sims + pages.rejected == total);
        let clean = all_seen && !run.total_moved;
        let began = run.started_at.unwrap_or(run.queued_at);
        let unseen = store.unseen(run.id, &self.account, began).await?;
        let evidence = Evidence {
            pass: run.pass,
            clean,
            unseen: unseen.len(),
        };
        let gone = match next_step(evidence, settings.max_passes, settings.verify_singly) {
            Step::Confirm => return Ok(Verdict::Confirm),
            Step::LookAtEach => self.look_at_each(&unseen).await?,
            Step::AllAreGone => unseen,
            Step::LeaveForNextRun => Vec::new(),
        };
        self.refuse_mass_missing(run, gone.len()).await?;
        Ok(Verdict::End {
            gone,
            complete: clean,
        })
    }

    /// Which of these SIMs 1NCE does not know; the others are stored as read.
    async fn look_at_each(&self, unseen: &[i64]) -> Result<Vec<i64>, SweepError> {
        let mut gone = Vec::new();
        for number in unseen {
            let Ok(iccid) = Iccid::from_i64(*number) else {
                continue;
            };
            let requested_at: DateTime<Utc> = self.app.store.now().await?;
            let told = self.client.get_sim(Lane::Background, iccid).await;
            match told.map_err(|error| SweepError::Failed(format!("SIM {iccid}: {error}")))? {
                Some(sim) => {
                    self.app
                        .store_told(self.client.account(), requested_at, sim, "1nce")
                        .await?
                }
                None => gone.push(*number),
            }
        }
        Ok(gone)
    }

    /// 1NCE answering with an empty list must not empty the fleet here.
    async fn refuse_mass_missing(&self, run: &SyncRun, gone: usize) -> Result<(), SweepError> {
        let (listed, _) = self.app.store.count_sims(&self.account).await?;
        let percent = self.app.sweep.mass_missing_percent;
        let allowed = (listed * percent / 100).max(5);
        if run.accept_mass_missing || i64::try_from(gone).unwrap_or(i64::MAX) <= allowed {
            return Ok(());
        }
        Err(SweepError::Failed(format!(
            "{gone} of {listed} SIMs are not listed any more, over {percent} %: start a sync with \
             accept_mass_missing if that is right"
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(pass: i32, clean: bool, unseen: usize) -> Step {
        next_step(Evidence { pass, clean, unseen }, 3, 10)
    }

    #[test]
    fn a_list_that_moved_is_read_again_up_to_the_limit() {
        assert_eq!(step(1, false, 0), Step::Confirm);
        assert_eq!(step(2, false, 0), Step::Confirm);
        assert_eq!(step(3, false, 0), Step::LookAtEach);
    }

    #[test]
    fn few_unseen_sims_are_looked_at_and_many_need_a_second_clean_pass() {
        assert_eq!(step(1, true, 10), Step::LookAtEach);
        assert_eq!(step(1, true, 11), Step::Confirm);
        assert_eq!(step(2, true, 11), Step::AllAreGone);
    }

    #[test]
    fn a_list_that_never_rests_proves_nobody_gone() {
        assert_eq!(step(3, false, 11), Step::LeaveForNextRun);
    }
}
