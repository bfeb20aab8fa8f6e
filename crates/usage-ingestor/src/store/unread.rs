//! What of the API's answers could not be read: beside the rejected records of the streams, and settled by the SIM's next
//! reading.

use domain::{Iccid, RejectKind};
use once_client::model::RejectedRecord;
use sha2::{Digest, Sha256};
use sqlx::PgConnection;

use super::Store;
use super::api_readings::GAP;
use crate::error::StoreError;

/// Rows of one answer that are kept; it can be asked for again for six months.
const OF_ONE_ANSWER: usize = 10;
/// Different rows that are open at once: an API that has changed would bring others for each SIM of the fleet.
const OPEN: i64 = 1000;
/// Bytes of a row that are kept.
const LONGEST: usize = 256 * 1024;

/// Keeps rows of a SIM's answer; the same bytes are kept once and counted.
///
/// # Errors
/// The database's.
pub async fn keep(
    transaction: &mut PgConnection,
    iccid: Iccid,
    rejects: &[RejectedRecord],
) -> Result<(), sqlx::Error> {
    let left_out = rejects.len().saturating_sub(OF_ONE_ANSWER);
    for (place, reject) in rejects.iter().take(OF_ONE_ANSWER).enumerate() {
        let raw = reject.raw.as_bytes();
        let raw = &raw[..raw.len().min(LONGEST)];
        let mut reason = reject.reason.clone();
        if place + 1 == OF_ONE_ANSWER && left_out > 0 {
            reason = format!("{reason}; {left_out} more rows of the answer are not kept");
        }
        // Never the same as bytes of a stream, which other rules read.
        let digest = Sha256::new()
            .chain_update("reading ")
            .chain_update(raw)
            .finalize();
        sqlx::query(
            "INSERT INTO rejects AS held (digest, raw, kind, reason, batch, iccid, received_at, last_received_at)
             SELECT $1, $2, $3, $4, 0, $5, now(), now()
             WHERE EXISTS (SELECT FROM rejects WHERE digest = $1) OR (SELECT count(*) FROM (
                 SELECT FROM rejects WHERE kind = 'reading' AND replayed_at IS NULL LIMIT $6) AS open) < $6
             ON CONFLICT (digest) DO UPDATE SET
                 reason = excluded.reason, iccid = excluded.iccid, seen = held.seen + 1, replayed_at = NULL,
                 last_received_at = excluded.last_received_at",
        )
        .bind(&digest[..])
        .bind(raw)
        .bind(RejectKind::Reading.word())
        .bind(&reason)
        .bind(iccid.as_i64())
        .bind(OPEN)
        .execute(&mut *transaction)
        .await?;
    }
    Ok(())
}

/// The SIM was read as a whole: what of it could not be read before is no open question any more.
///
/// # Errors
/// The database's.
pub async fn settle(transaction: &mut PgConnection, iccid: Iccid) -> Result<(), sqlx::Error> {
    sqlx::query(
        "UPDATE rejects SET replayed_at = now() WHERE kind = 'reading' AND replayed_at IS NULL AND iccid = $1",
    )
    .bind(iccid.as_i64())
    .execute(transaction)
    .await
    .map(|_| ())
}

impl Store {
    /// Keeps rows of a SIM's answer in a transaction of its own.
    ///
    /// # Errors
    /// The database's.
    pub async fn keep_unread(&self, iccid: Iccid, rejects: &[RejectedRecord]) -> Result<(), StoreError> {
        let mut transaction = self.db().pool().begin().await?;
        keep(&mut transaction, iccid, rejects).await?;
        Ok(transaction.commit().await?)
    }

    /// Makes the readings of SIMs due now, behind what persons ask for.
    ///
    /// # Errors
    /// The database's.
    pub async fn read_again(&self, iccids: &[i64]) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE sync_state SET priority = least(priority, $2), due_at = now() WHERE iccid = ANY($1)",
        )
        .bind(iccids)
        .bind(GAP)
        .execute(self.db().pool())
        .await?;
        Ok(())
    }
}
