//! Records that could not be read, as received.

use chrono::{DateTime, Utc};
use messages::pb::usage::RejectedRecord;
use sha2::{Digest, Sha256};
use sqlx::{PgConnection, Row};

use super::Store;
use crate::error::StoreError;

/// A rejected record as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredReject {
    pub id: i64,
    pub kind: String,
    pub reason: String,
    pub raw: Vec<u8>,
    pub batch: i64,
    pub seen: i64,
    pub received_at: DateTime<Utc>,
    pub replayed_at: Option<DateTime<Utc>>,
    /// The SIM that 1NCE's API was asked for; none of a stream's record.
    pub iccid: Option<i64>,
}

/// A rejected record of a batch.
#[derive(Debug, Clone)]
pub struct NewReject {
    /// The batch's place in the stream.
    pub batch: i64,
    /// When a receiver took it.
    pub received_at: DateTime<Utc>,
    pub record: RejectedRecord,
}

/// Keeps rejected records; the same bytes are kept once and counted.
///
/// # Errors
/// The database's.
pub async fn keep(transaction: &mut PgConnection, rejects: &[NewReject]) -> Result<(), sqlx::Error> {
    for NewReject {
        batch,
        received_at,
        record,
    } in rejects
    {
        sqlx::query(
            "INSERT INTO rejects AS held (digest, raw, kind, reason, batch, received_at, last_received_at)
             VALUES ($1, $2, $3, $4, $5, $6, $6)
             ON CONFLICT (digest) DO UPDATE SET
                 reason = excluded.reason, batch = excluded.batch, seen = held.seen + 1, replayed_at = NULL,
                 last_received_at = excluded.last_received_at
             -- A batch that is merged again tells nothing new.
             WHERE held.batch < excluded.batch",
        )
        .bind(&Sha256::digest(&record.raw)[..])
        .bind(&record.raw)
        .bind(&record.kind)
        .bind(&record.reason)
        .bind(batch)
        .bind(received_at)
        .execute(&mut *transaction)
        .await?;
    }
    Ok(())
}

impl Store {
    /// A page, the oldest first, behind the one with that id.
    ///
    /// # Errors
    /// The database's.
    pub async fn rejects(
        &self,
        after: i64,
        include_replayed: bool,
        limit: i64,
    ) -> Result<Vec<StoredReject>, StoreError> {
        let rows = sqlx::query(
            "SELECT id, kind, reason, raw, batch, seen, received_at, replayed_at, iccid FROM rejects
             WHERE id > $1 AND ($2 OR replayed_at IS NULL) ORDER BY id LIMIT $3",
        )
        .bind(after)
        .bind(include_replayed)
        .bind(limit)
        .fetch_all(self.db().pool())
        .await?;
        Ok(rows.iter().map(stored).collect())
    }

    /// Those of the ids that were not replayed.
    ///
    /// # Errors
    /// The database's.
    pub async fn open_rejects(&self, ids: &[i64]) -> Result<Vec<StoredReject>, StoreError> {
        let rows = sqlx::query(
            "SELECT id, kind, reason, raw, batch, seen, received_at, replayed_at, iccid FROM rejects
             WHERE id = ANY($1) AND replayed_at IS NULL ORDER BY id",
        )
        .bind(ids)
        .fetch_all(self.db().pool())
        .await?;
        Ok(rows.iter().map(stored).collect())
    }

    /// These were read and are on their way to the merge.
    ///
    /// # Errors
    /// The database's.
    pub async fn mark_replayed(&self, ids: &[i64]) -> Result<(), StoreError> {
        sqlx::query("UPDATE rejects SET replayed_at = now() WHERE id = ANY($1)")
            .bind(ids)
            .execute(self.db().pool())
            .await?;
        Ok(())
    }

    /// The reason why this one is still not read.
    ///
    /// # Errors
    /// The database's.
    pub async fn set_reject_reason(&self, id: i64, reason: &str) -> Result<(), StoreError> {
        sqlx::query("UPDATE rejects SET reason = $2 WHERE id = $1")
            .bind(id)
            .bind(reason)
            .execute(self.db().pool())
            .await?;
        Ok(())
    }
}

fn stored(row: &sqlx::postgres::PgRow) -> StoredReject {
    StoredReject {
        id: row.get("id"),
        kind: row.get("kind"),
        reason: row.get("reason"),
        raw: row.get("raw"),
        batch: row.get("batch"),
        seen: row.get("seen"),
        received_at: row.get("received_at"),
        replayed_at: row.get("replayed_at"),
        iccid: row.get("iccid"),
    }
}
