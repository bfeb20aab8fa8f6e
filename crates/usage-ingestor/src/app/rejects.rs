//! Rejected records: shown, and read again with today's rules.

use chrono::Utc;
use domain::RejectKind;

use super::App;
use super::decode::{self, Batches, Limits};
use crate::error::AppError;
use crate::store::StoredReject;

/// Records of one call.
const REPLAY: i64 = 10_000;
/// Of one reading of the table: at most 64 MiB, as each has at most 256 KiB.
const PORTION: i64 = 250;

/// What became of rejected records that were read again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Replayed {
    /// On their way to the merge.
    pub accepted: u64,
    /// Rejected again; their reason is today's.
    pub rejected: u64,
}

impl App {
    /// A page of rejected records, the oldest first, behind the one with that id.
    ///
    /// # Errors
    /// The database's.
    pub async fn rejects(
        &self,
        after: i64,
        include_replayed: bool,
        limit: i64,
    ) -> Result<Vec<StoredReject>, AppError> {
        Ok(self.store.rejects(after, include_replayed, limit).await?)
    }

    /// Reads some again, or all that are open when no ids are given.
    ///
    /// # Errors
    /// The database's, or JetStream's; a record is marked only when JetStream has stored it.
    pub async fn replay_rejects(&self, ids: &[i64]) -> Result<Replayed, AppError> {
        let mut replayed = Replayed::default();
        if !ids.is_empty() {
            for ids in ids.chunks(PORTION as usize) {
                let open = self.store.open_rejects(ids).await?;
                self.replay_portion(open, &mut replayed).await?;
            }
            return Ok(replayed);
        }
        let mut after = 0;
        for _ in 0..REPLAY / PORTION {
            let open = self.store.rejects(after, false, PORTION).await?;
            let Some(last) = open.last() else {
                break;
            };
            after = last.id;
            self.replay_portion(open, &mut replayed).await?;
        }
        Ok(replayed)
    }

    async fn replay_portion(&self, open: Vec<StoredReject>, replayed: &mut Replayed) -> Result<(), AppError> {
        let limits = Limits::at(Utc::now(), &self.config);
        let (mut batches, mut accepted) = (Batches::default(), Vec::new());
        let mut readings = Vec::new();
        for reject in open {
            // No record of a stream: reading its SIM again settles it.
            if reject.kind == RejectKind::Reading.word() {
                readings.extend(reject.iccid);
                continue;
            }
            match decode::read(&String::from_utf8_lossy(&reject.raw), &limits) {
                Ok(record) => {
                    batches.push(record);
                    accepted.push(reject.id);
                }
                Err(bad) => {
                    self.store.set_reject_reason(reject.id, &bad.reason).await?;
                    replayed.rejected += 1;
                }
            }
        }
        self.publish(batches.finish()).await?;
        self.store.mark_replayed(&accepted).await?;
        self.store.read_again(&readings).await?;
        self.readings.wake();
        replayed.accepted += (accepted.len() + readings.len()) as u64;
        Ok(())
    }
}
