//! Readings through v2 of 1NCE's API that are compared with v1's: one a day and account.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use domain::{Iccid, ShadowOutcome};
use sqlx::Row;

use super::Store;
use crate::error::StoreError;

/// How a comparison ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShadowReading {
    pub iccid: Iccid,
    /// Closed days that were compared, both included.
    pub from_day: NaiveDate,
    pub to_day: NaiveDate,
    pub read_at: DateTime<Utc>,
    pub outcome: ShadowOutcome,
    /// What differs or why, for people.
    pub what: String,
}

/// A SIM to compare by, of those that used something lately; with SMS where there is one.
const CANDIDATE: &str = "
    SELECT iccid FROM (
        SELECT daily.iccid, used_sms_mo <> used_sms_mt AS directed FROM sim_usage_daily AS daily JOIN sims USING (iccid)
        WHERE day BETWEEN (now() AT TIME ZONE 'UTC')::date - 7 AND (now() AT TIME ZONE 'UTC')::date - 1 AND used_total > 0
          AND account = $1 AND NOT missing
        LIMIT 200) AS used
    ORDER BY directed DESC, random() LIMIT 1";

impl Store {
    /// Takes today's comparison (UTC), unless it is made or another process makes it.
    ///
    /// # Errors
    /// The database's.
    pub async fn take_shadow_reading(&self, account: &str, seconds: f64) -> Result<Taken, StoreError> {
        let taken = sqlx::query(
            "INSERT INTO shadow_readings AS held (account, day, taken_until)
             VALUES ($1, (now() AT TIME ZONE 'UTC')::date, now() + make_interval(secs => $2))
             ON CONFLICT (account, day) DO UPDATE SET taken_until = excluded.taken_until
             WHERE held.outcome IS NULL AND held.taken_until <= now()
             RETURNING day",
        )
        .bind(account)
        .bind(seconds)
        .fetch_optional(self.db().pool())
        .await?;
        if let Some(row) = taken {
            return Ok(Taken::Mine(row.get("day")));
        }
        let made: bool = sqlx::query_scalar(
            "SELECT EXISTS (SELECT FROM shadow_readings
             WHERE account = $1 AND day = (now() AT TIME ZONE 'UTC')::date AND outcome IS NOT NULL)",
        )
        .bind(account)
        .fetch_one(self.db().pool())
        .await?;
        Ok(if made { Taken::Made } else { Taken::Others })
    }

    /// Leaves it to whoever comes after so many seconds.
    ///
    /// # Errors
    /// The database's.
    pub async fn postpone_shadow_reading(
        &self,
        account: &str,
        day: NaiveDate,
        seconds: f64,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE shadow_readings SET taken_until = now() + make_interval(secs => $3)
             WHERE account = $1 AND day = $2 AND outcome IS NULL",
        )
        .bind(account)
        .bind(day)
        .bind(seconds)
        .execute(self.db().pool())
        .await?;
        Ok(())
    }

    /// Stores how the comparison of a day ended.
    ///
    /// # Errors
    /// The database's.
    pub async fn store_shadow_reading(
        &self,
        account: &str,
        day: NaiveDate,
        made: &ShadowReading,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE shadow_readings SET iccid = $3, from_day = $4, to_day = $5, read_at = $6, outcome = $7, what = $8
             WHERE account = $1 AND day = $2",
        )
        .bind(account)
        .bind(day)
        .bind(made.iccid.as_i64())
        .bind(made.from_day)
        .bind(made.to_day)
        .bind(made.read_at)
        .bind(made.outcome.word())
        .bind(&made.what)
        .execute(self.db().pool())
        .await?;
        Ok(())
    }

    /// The newest comparison that was made.
    ///
    /// # Errors
    /// The database's.
    pub async fn newest_shadow_reading(&self) -> Result<Option<ShadowReading>, StoreError> {
        let row = sqlx::query(
            "SELECT iccid, from_day, to_day, read_at, outcome, what FROM shadow_readings
             WHERE outcome IS NOT NULL ORDER BY day DESC LIMIT 1",
        )
        .fetch_optional(self.db().pool())
        .await?;
        let Some(row) = row else { return Ok(None) };
        let word: String = row.get("outcome");
        Ok(Some(ShadowReading {
            iccid: iccid(row.get("iccid"))?,
            from_day: row.get("from_day"),
            to_day: row.get("to_day"),
            read_at: row.get("read_at"),
            outcome: ShadowOutcome::from_word(&word)
                .ok_or_else(|| StoreError::Corrupt(format!("outcome {word}")))?,
            what: row.get("what"),
        }))
    }

    /// A SIM of the account that used data in the last week.
    ///
    /// # Errors
    /// The database's.
    pub async fn used_sim(&self, account: &str) -> Result<Option<Iccid>, StoreError> {
        let number: Option<i64> = sqlx::query_scalar(CANDIDATE)
            .bind(account)
            .fetch_optional(self.db().pool())
            .await?;
        number.map(iccid).transpose()
    }

    /// The days, each with the records of data that the stream brought.
    ///
    /// # Errors
    /// The database's.
    pub async fn records_by_day(
        &self,
        sim: Iccid,
        from: NaiveDate,
        to: NaiveDate,
    ) -> Result<BTreeMap<NaiveDate, i64>, StoreError> {
        let rows: Vec<(NaiveDate, i64)> = sqlx::query_as(
            "SELECT days.day::date, coalesce(data_records, 0)::bigint
             FROM generate_series($2::date, $3::date, '1 day') AS days (day)
             LEFT JOIN sim_usage_daily AS daily ON iccid = $1 AND daily.day = days.day::date",
        )
        .bind(sim.as_i64())
        .bind(from)
        .bind(to)
        .fetch_all(self.db().pool())
        .await?;
        Ok(rows.into_iter().collect())
    }
}

/// Whose today's comparison is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// Of this day; the caller makes it.
    Mine(NaiveDate),
    /// Another process makes it, or it waits.
    Others,
    /// It is made.
    Made,
}

fn iccid(number: i64) -> Result<Iccid, StoreError> {
    Iccid::from_i64(number).map_err(|error| StoreError::Corrupt(format!("ICCID {number}: {error}")))
}
