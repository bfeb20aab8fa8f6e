//! What a finished pass proves.

use chrono::{DateTime, Utc};
use domain::{Iccid, ProviderSim};
use futures_util::FutureExt;
use once_client::{ClientError, Lane};

use super::pass::read_generation;
use super::{SweepError, Sweeper};
use crate::app::list_generation::ask_of;
use crate::store::{Store, SyncRun};

/// What follows from a pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Read the list once more.
    Confirm,
    /// The run is over.
    End {
        /// SIMs that are gone for certain.
        gone: Vec<i64>,
        /// SIMs that were in no pass and that 1NCE says nothing about.
        unjudged: Vec<i64>,
    },
}

/// What 1NCE says about one SIM.
enum Look {
    Listed(DateTime<Utc>, Box<ProviderSim>),
    Gone,
    Undecided,
}

/// What a pass showed.
#[derive(Debug, Clone, Copy)]
struct Evidence {
    pass: i32,
    /// 1NCE counted the same on each page, and the pass has seen that many; or it does not count at all.
    clean: bool,
    /// 1NCE counts its SIMs and each record of the pass could be read, so the pass can prove that it saw all.
    proves_absence: bool,
    /// Known SIMs that no pass has seen.
    unseen: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Confirm,
    LookAtEach,
    AllAreGone,
    ProvesNothing,
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
    match (evidence.pass, evidence.clean && evidence.proves_absence) {
        (1, _) => Step::Confirm,
        (_, true) => Step::AllAreGone,
        (_, false) => Step::ProvesNothing,
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
            proves_absence: run.pass_total.is_some() && pages.rejected == 0,
            unseen: unseen.len(),
        };
        let (gone, unjudged) = match next_step(evidence, settings.max_passes, settings.verify_singly) {
            Step::Confirm => return Ok(Verdict::Confirm),
            Step::LookAtEach => self.look_at_each(run, &unseen).await?,
            Step::AllAreGone => (unseen, Vec::new()),
            Step::ProvesNothing => {
                let reason = format!(
                    "after {} passes {} known SIMs were in none of them, but the list never rested, is not counted or \
                     holds {} records that cannot be read: SIMWARD__SIM__VERIFY_SINGLY allows as many single readings",
                    run.pass,
                    unseen.len(),
                    pages.rejected
                );
                return Err(SweepError::Failed(reason));
            }
        };
        self.refuse_mass_missing(run, &gone).await?;
        Ok(Verdict::End { gone, unjudged })
    }

    /// Which of these SIMs 1NCE does not know, and which it says nothing about. Those it does know are stored.
    async fn look_at_each(&self, run: &SyncRun, unseen: &[i64]) -> Result<(Vec<i64>, Vec<i64>), SweepError> {
        let (mut gone, mut unjudged) = (Vec::new(), Vec::new());
        for number in unseen {
            let Ok(iccid) = Iccid::from_i64(*number) else {
                continue;
            };
            match self.look_at(run, iccid).await? {
                Look::Listed(requested_at, sim) => {
                    let account = self.client.account();
                    self.app.store_told(account, requested_at, *sim, "1nce").await?;
                }
                Look::Gone => gone.push(*number),
                Look::Undecided => unjudged.push(*number),
            }
        }
        Ok((gone, unjudged))
    }

    /// One SIM that cannot be judged stays as it is, and holds up no other.
    async fn look_at(&self, run: &SyncRun, iccid: Iccid) -> Result<Look, SweepError> {
        let generation = read_generation(run)?;
        let ask = move || {
            async move {
                let requested_at: DateTime<Utc> = self.app.store.now().await?;
                let look = self.client.get_sim(Lane::Background, iccid);
                Ok(match ask_of(&self.client, generation, look).await {
                    Ok(Some(sim)) => Ok(Look::Listed(requested_at, Box::new(sim))),
                    Ok(None) => Ok(Look::Gone),
                    Err(error) if is_about_this_sim(&error) => {
                        tracing::warn!(%error, %iccid, "an unlisted SIM cannot be judged");
                        Ok(Look::Undecided)
                    }
                    Err(error) => Err(error),
                })
            }
            .boxed()
        };
        self.patiently(run.id, format!("SIM {iccid}"), ask).await
    }

    /// 1NCE answering with an empty list must not empty the fleet here.
    async fn refuse_mass_missing(&self, run: &SyncRun, gone: &[i64]) -> Result<(), SweepError> {
        let mut connection = self.app.store.db().pool().acquire().await?;
        let (listed, _) = Store::count_sims(&mut connection, &self.account).await?;
        let gone = Store::count_unexplained(&mut connection, gone).await?;
        drop(connection);
        let percent = self.app.sweep.mass_missing_percent;
        let allowed = (listed * percent / 100).max(5);
        if gone <= allowed {
            return Ok(());
        }
        // A person may have agreed after this run began.
        let now = self.app.store.active_run(&self.account).await?;
        if now.is_some_and(|now| now.id == run.id && now.accept_mass_missing) {
            return Ok(());
        }
        Err(SweepError::Failed(format!(
            "{gone} of {listed} SIMs are not listed any more, over {percent} %: start a sync with \
             accept_mass_missing if that is right"
        )))
    }
}

/// 1NCE answered, but not whether it has the SIM: 422 for an expired one, 403 after a transfer, a sibling card (FACTS §5).
fn is_about_this_sim(error: &ClientError) -> bool {
    matches!(
        error,
        ClientError::Expired { .. }
            | ClientError::Rejected { .. }
            | ClientError::IccidMismatch { .. }
            | ClientError::Decode { .. }
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(pass: i32, clean: bool, unseen: usize) -> Step {
        next_step(
            Evidence {
                pass,
                clean,
                proves_absence: true,
                unseen,
            },
            3,
            10,
        )
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
        assert_eq!(step(3, false, 11), Step::ProvesNothing);
    }

    #[test]
    fn a_list_that_is_not_counted_or_not_wholly_readable_proves_nobody_gone() {
        let clean = Evidence {
            pass: 2,
            clean: true,
            proves_absence: false,
            unseen: 11,
        };
        assert_eq!(next_step(clean, 3, 10), Step::ProvesNothing);
    }
}
