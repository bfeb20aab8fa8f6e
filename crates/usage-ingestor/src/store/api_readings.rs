//! The queue of readings by API and their results.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use domain::Iccid;
use once_client::model::{RejectedRecord, UsageDay};
use sqlx::{PgConnection, Row};
use uuid::Uuid;

use super::fleet_usage::{self, FleetKey, FleetSums, ONLY_BY_API};
use super::stream_state::compared;
use super::usage_days::{self, DayState, Volumes};
use super::{Scope, Store, unread};
use crate::error::StoreError;

/// Somebody asked for it.
pub const ASKED: i16 = 0;
/// The stream left a gap, or somebody asked for the fleet.
pub const GAP: i16 = 1;
/// The regular check.
pub const CHECK: i16 = 3;

/// A reading that is due, taken by this process for two minutes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueReading {
    pub iccid: Iccid,
    pub priority: i16,
    pub from_day: Option<NaiveDate>,
    pub checked_through: Option<NaiveDate>,
    pub attempts: i32,
}

/// When a SIM that was read is checked again: tomorrow where its last days differ or nothing feeds it, otherwise after
/// `check_days`, spread so that a fleet that came at once is not checked at once.
#[derive(Debug, Clone, Copy)]
pub struct NextCheck {
    pub stream_flows: bool,
    pub check_days: i64,
}

/// What is left of a reading that failed.
#[derive(Debug, Clone, Copy)]
pub struct FailedReading<'a> {
    /// Days that it told all the same.
    pub days: &'a [UsageDay],
    pub rejects: &'a [RejectedRecord],
    /// For people.
    pub reason: &'a str,
    /// Seconds until it is tried again.
    pub wait: f64,
}

impl Store {
    /// Takes the most urgent reading that is due.
    ///
    /// # Errors
    /// The database's.
    pub async fn take_reading(&self) -> Result<Option<DueReading>, StoreError> {
        for priority in ASKED..=CHECK {
            let row = sqlx::query(
                "UPDATE sync_state SET taken_until = now() + interval '2 minutes'
                 WHERE iccid = (
                     SELECT iccid FROM sync_state
                     WHERE priority = $1 AND due_at <= now() AND coalesce(taken_until <= now(), true)
                     ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED)
                 RETURNING iccid, priority, from_day, checked_through, attempts",
            )
            .bind(priority)
            .fetch_optional(self.db().pool())
            .await?;
            if let Some(row) = row {
                let number: i64 = row.get("iccid");
                return Ok(Some(DueReading {
                    iccid: Iccid::from_i64(number)
                        .map_err(|error| StoreError::Corrupt(format!("ICCID {number}: {error}")))?,
                    priority: row.get("priority"),
                    from_day: row.get("from_day"),
                    checked_through: row.get("checked_through"),
                    attempts: row.get("attempts"),
                }));
            }
        }
        Ok(None)
    }

    /// Stores what the API told of some days, that every closed one up to `through` was compared, and when the next check
    /// is due, all at once: a reading that is over is never due again before.
    ///
    /// # Errors
    /// The database's.
    pub async fn store_reading(
        &self,
        reading: &DueReading,
        days: &[UsageDay],
        through: NaiveDate,
        next: NextCheck,
    ) -> Result<(), StoreError> {
        let iccid = reading.iccid.as_i64();
        let mut transaction = self.db().pool().begin().await?;
        store_days(&mut transaction, iccid, days).await?;
        unread::settle(&mut transaction, reading.iccid).await?;
        sqlx::query(concat!(
            "UPDATE sync_state SET
                 checked_through = greatest(checked_through, $2), last_read_at = now(), attempts = 0, last_error = NULL,
                 taken_until = NULL,
                 -- Whoever asked for more meanwhile gets it next.
                 priority = CASE WHEN from_day IS NOT DISTINCT FROM $3 THEN $4 ELSE priority END,
                 due_at = CASE WHEN from_day IS DISTINCT FROM $3 THEN due_at
                     WHEN NOT $5 OR EXISTS (
                         SELECT FROM sim_usage_daily AS daily
                         WHERE daily.iccid = $1 AND day >= (now() AT TIME ZONE 'UTC')::date - 3 AND ",
            compared!(),
            ")
                     THEN now() + interval '1 day'
                     ELSE now() + make_interval(hours => ($6 * 24 * (0.9 + 0.2 * random()))::integer) END,
                 from_day = CASE WHEN from_day IS NOT DISTINCT FROM $3 THEN NULL ELSE from_day END
             WHERE iccid = $1",
        ))
        .bind(iccid)
        .bind(through)
        .bind(reading.from_day)
        .bind(CHECK)
        .bind(next.stream_flows)
        .bind(next.check_days)
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Puts a reading back for a while; it costs the SIM no attempt.
    ///
    /// # Errors
    /// The database's.
    pub async fn postpone_reading(&self, iccid: Iccid, seconds: f64) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE sync_state SET taken_until = NULL, due_at = now() + make_interval(secs => $2) WHERE iccid = $1",
        )
        .bind(iccid.as_i64())
        .bind(seconds)
        .execute(self.db().pool())
        .await?;
        Ok(())
    }

    /// Stores that a SIM's own reading failed and when it is tried again, with the days that it told all the same and what
    /// could not be read, all at once. How far the SIM was compared stays as it is.
    ///
    /// # Errors
    /// The database's.
    pub async fn store_failed_reading(
        &self,
        reading: &DueReading,
        failed: FailedReading<'_>,
    ) -> Result<(), StoreError> {
        let iccid = reading.iccid.as_i64();
        let mut transaction = self.db().pool().begin().await?;
        store_days(&mut transaction, iccid, failed.days).await?;
        unread::keep(&mut transaction, reading.iccid, failed.rejects).await?;
        sqlx::query(
            "UPDATE sync_state SET taken_until = NULL, due_at = now() + make_interval(secs => $2), last_error = $3,
                 failed_at = now(), attempts = attempts + 1
             WHERE iccid = $1",
        )
        .bind(iccid)
        .bind(failed.wait)
        .bind(failed.reason)
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Makes one SIM's reading due now, before all others; `false` when the scope holds no such SIM.
    ///
    /// # Errors
    /// The database's.
    pub async fn ask_reading(
        &self,
        scope: Scope,
        iccid: Iccid,
        from: Option<NaiveDate>,
    ) -> Result<bool, StoreError> {
        let asked = sqlx::query(
            "INSERT INTO sync_state AS held (iccid, priority, due_at, from_day)
             SELECT iccid, $3, now(), $4 FROM sims WHERE iccid = $1 AND ($2::uuid IS NULL OR organization_id = $2)
             ON CONFLICT (iccid) DO UPDATE SET priority = $3, due_at = now(),
                 from_day = least(held.from_day, excluded.from_day)",
        )
        .bind(iccid.as_i64())
        .bind(scope.filter())
        .bind(ASKED)
        .bind(from)
        .execute(self.db().pool())
        .await?;
        Ok(asked.rows_affected() > 0)
    }

    /// Makes the reading of every SIM in scope due now, behind what persons ask for; answers how many.
    ///
    /// # Errors
    /// The database's.
    pub async fn ask_all_readings(&self, scope: Scope, from: Option<NaiveDate>) -> Result<u64, StoreError> {
        let asked = sqlx::query(
            "UPDATE sync_state SET priority = least(priority, $1), due_at = now(), from_day = least(from_day, $2)
             FROM sims WHERE sims.iccid = sync_state.iccid AND NOT sims.missing
               AND ($3::uuid IS NULL OR sims.organization_id = $3)",
        )
        .bind(GAP)
        .bind(from)
        .bind(scope.filter())
        .execute(self.db().pool())
        .await?;
        Ok(asked.rows_affected())
    }

    /// SIMs that wait now, and closed days of the last five weeks that differ.
    ///
    /// # Errors
    /// The database's.
    pub async fn reading_numbers(&self) -> Result<(i64, i64), StoreError> {
        let row = sqlx::query(concat!(
            "SELECT (SELECT count(*) FROM sync_state WHERE due_at <= now()),
                    (SELECT count(*) FROM sim_usage_daily WHERE day >= (now() AT TIME ZONE 'UTC')::date - 35 AND ",
            compared!(),
            ")",
        ))
        .fetch_one(self.db().pool())
        .await?;
        Ok((row.get(0), row.get(1)))
    }
}

/// Writes the API's numbers beside the stream's, and what they change of the fleet's sums.
async fn store_days(
    transaction: &mut PgConnection,
    iccid: i64,
    days: &[UsageDay],
) -> Result<(), sqlx::Error> {
    if days.is_empty() {
        return Ok(());
    }
    let organization: Option<Uuid> =
        sqlx::query_scalar("SELECT organization_id FROM sims WHERE iccid = $1 FOR SHARE")
            .bind(iccid)
            .fetch_optional(&mut *transaction)
            .await?
            .flatten();
    let sums = write_days(transaction, iccid, organization.unwrap_or_default(), days).await?;
    fleet_usage::raise(transaction, &sums, 0).await
}

/// Writes the API's numbers beside the stream's; answers how the fleet's sums change.
async fn write_days(
    transaction: &mut PgConnection,
    iccid: i64,
    organization: Uuid,
    days: &[UsageDay],
) -> Result<FleetSums, sqlx::Error> {
    // Each day once: of two rows of a day the last one counts.
    let mut told: BTreeMap<NaiveDate, Volumes> = days.iter().map(|day| (day.date, volumes(day))).collect();
    let dates: Vec<NaiveDate> = told.keys().copied().collect();
    // Held until the end, so that a merge of the same days comes before or after.
    let before = usage_days::lock(transaction, iccid, &dates).await?;
    told.retain(|day, told| before.contains_key(day) || *told != Volumes::default());
    let mut sums = FleetSums::new();
    for (day, after) in usage_days::set_api(transaction, iccid, &told).await? {
        let old = DayState {
            api: before.get(&day).and_then(|state| state.api),
            ..after
        };
        let key = FleetKey {
            day,
            organization,
            mcc: 0,
            operator_id: 0,
            rat: ONLY_BY_API,
        };
        fleet_usage::add(&mut sums, key, after.only_by_api().minus(&old.only_by_api()));
    }
    Ok(sums)
}

fn volumes(day: &UsageDay) -> Volumes {
    Volumes {
        rx: day.data.rx.bytes().max(0),
        tx: day.data.tx.bytes().max(0),
        total: day.data.total.bytes().max(0),
        sms_mo: day.sms.mo.clamp(0, i64::from(i32::MAX)),
        sms_mt: day.sms.mt.clamp(0, i64::from(i32::MAX)),
    }
}
