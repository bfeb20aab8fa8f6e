//! Storing what 1NCE told: only changed rows are written, and an older answer never overwrites a newer one.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use domain::{AccountSlug, Iccid, ProviderSim};
use sqlx::PgConnection;

use super::Store;
use super::row::{ProviderRow, StoredSim};
use crate::error::StoreError;

/// Answers of 1NCE to one request.
#[derive(Debug)]
pub struct Reading<'a> {
    /// The account that was asked.
    pub account: &'a AccountSlug,
    /// When the request began, by the database's clock.
    pub requested_at: DateTime<Utc>,
    /// What came.
    pub sims: Vec<ProviderSim>,
}

/// A row that a reading has written.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredReading {
    /// The row before; `None` for a SIM that was not known.
    pub old: Option<StoredSim>,
    /// The row now.
    pub new: StoredSim,
}

impl Store {
    /// Stores a reading in the caller's transaction and returns what it changed, in the order of the numbers.
    ///
    /// A SIM that comes twice in one answer counts once, with what came last. A row whose own reading began later than
    /// this one is left alone: that is how our write survives a page that was asked for before it.
    ///
    /// # Errors
    /// The database's.
    pub async fn store_reading(
        transaction: &mut PgConnection,
        reading: Reading<'_>,
    ) -> Result<Vec<StoredReading>, StoreError> {
        let incoming: BTreeMap<Iccid, ProviderSim> =
            reading.sims.into_iter().map(|sim| (sim.iccid, sim)).collect();
        let iccids: Vec<i64> = incoming.keys().map(|iccid| iccid.as_i64()).collect();
        let known = Self::lock_sims(transaction, &iccids).await?;
        let mut known: BTreeMap<Iccid, StoredSim> =
            known.into_iter().map(|sim| (sim.provider.iccid, sim)).collect();
        let mut olds = BTreeMap::new();
        let mut rows = Vec::new();
        for (iccid, mut sim) in incoming {
            let old = known.remove(&iccid);
            if let Some(old) = &old {
                sim.keep_device(&old.provider);
            }
            if old
                .as_ref()
                .is_some_and(|old| !replaces(old, &sim, reading.account, reading.requested_at))
            {
                continue;
            }
            rows.push(ProviderRow::from(&sim));
            olds.insert(iccid, old);
        }
        let written = upsert(transaction, reading.account, reading.requested_at, &rows).await?;
        let news = Self::lock_sims(transaction, &written).await?;
        Ok(news
            .into_iter()
            .map(|new| StoredReading {
                old: olds.remove(&new.provider.iccid).flatten(),
                new,
            })
            .collect())
    }

    /// Notes that a SIM was read again and nothing had changed.
    ///
    /// # Errors
    /// The database's.
    pub async fn touch(
        transaction: &mut PgConnection,
        iccid: Iccid,
        requested_at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        sqlx::query("UPDATE sims SET read_at = $2 WHERE iccid = $1 AND read_at < $2")
            .bind(iccid.as_i64())
            .bind(requested_at)
            .execute(transaction)
            .await?;
        Ok(())
    }

    /// A SIM in the caller's transaction, locked until it ends.
    ///
    /// # Errors
    /// The database's.
    pub async fn lock_sim(
        transaction: &mut PgConnection,
        iccid: Iccid,
    ) -> Result<Option<StoredSim>, StoreError> {
        Ok(Self::lock_sims(transaction, &[iccid.as_i64()]).await?.pop())
    }

    /// Marks SIMs as missing that no reading has shown since `unseen_since`; returns those that were marked. Their
    /// `read_at` becomes the last complete sweep that saw them.
    ///
    /// # Errors
    /// The database's.
    pub async fn mark_missing(
        transaction: &mut PgConnection,
        iccids: &[i64],
        unseen_since: DateTime<Utc>,
    ) -> Result<Vec<StoredSim>, StoreError> {
        let marked: Vec<i64> = sqlx::query_scalar(
            "UPDATE sims SET missing_since = now(), revision = revision + 1, updated_at = now(), unjudged = false,
                 read_at = CASE WHEN unjudged THEN read_at ELSE greatest(read_at, last_complete_at) END
             FROM accounts
             WHERE slug = account AND iccid = ANY($1) AND missing_since IS NULL AND read_at < $2
             RETURNING iccid",
        )
        .bind(iccids)
        .bind(unseen_since)
        .fetch_all(&mut *transaction)
        .await?;
        sqlx::query("DELETE FROM leaving_sims WHERE iccid = ANY($1)")
            .bind(&marked)
            .execute(&mut *transaction)
            .await?;
        Self::lock_sims(transaction, &marked).await
    }

    /// Notes that a transfer took SIMs out of their account.
    ///
    /// # Errors
    /// The database's.
    pub async fn mark_leaving(transaction: &mut PgConnection, iccids: &[i64]) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO leaving_sims (iccid) SELECT iccid FROM sims WHERE iccid = ANY($1) ORDER BY iccid
             ON CONFLICT (iccid) DO UPDATE SET since = excluded.since",
        )
        .bind(iccids)
        .execute(transaction)
        .await?;
        Ok(())
    }

    /// How many of these SIMs are gone without a transfer of the last seven days.
    ///
    /// # Errors
    /// The database's.
    pub async fn count_unexplained(connection: &mut PgConnection, iccids: &[i64]) -> Result<i64, StoreError> {
        Ok(sqlx::query_scalar(
            "SELECT count(*) FROM unnest($1::bigint[]) AS gone (iccid) WHERE NOT EXISTS (
                 SELECT FROM leaving_sims WHERE leaving_sims.iccid = gone.iccid AND since > now() - interval '7 days')",
        )
        .bind(iccids)
        .fetch_one(connection)
        .await?)
    }
}

fn replaces(old: &StoredSim, sim: &ProviderSim, account: &AccountSlug, requested_at: DateTime<Utc>) -> bool {
    let same = old.provider == *sim && old.missing_since.is_none() && old.account == *account;
    !same && old.read_at <= requested_at
}

async fn upsert(
    transaction: &mut PgConnection,
    account: &AccountSlug,
    requested_at: DateTime<Utc>,
    rows: &[ProviderRow],
) -> Result<Vec<i64>, StoreError> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    Ok(sqlx::query_scalar(include_str!("upsert_sims.sql"))
        .bind(sqlx::types::Json(rows))
        .bind(account.as_str())
        .bind(requested_at)
        .fetch_all(transaction)
        .await?)
}
