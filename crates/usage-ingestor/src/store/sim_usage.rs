//! Reads of one SIM's usage.

use chrono::{DateTime, NaiveDate, Utc};
use domain::{Granularity, Iccid, UsageSource};

use super::{DayRange, Scope, Store};
use crate::error::StoreError;

/// One SIM, as a caller may see it.
#[derive(Debug, Clone, Copy)]
pub struct VisibleSim {
    iccid: Iccid,
}

/// From a moment, before another one.
#[derive(Debug, Clone, Copy)]
pub struct Span {
    pub from: DateTime<Utc>,
    pub before: DateTime<Utc>,
}

/// Volumes, messages and sessions.
#[derive(Debug, Clone, Default, PartialEq, Eq, sqlx::FromRow)]
pub struct Amounts {
    pub rx: i64,
    pub tx: i64,
    pub total: i64,
    pub sms_mo: i64,
    pub sms_mt: i64,
    pub sessions: i64,
}

/// What is used of one period, and who told.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct PeriodRow {
    /// First day of the period.
    pub first_day: NaiveDate,
    #[sqlx(flatten)]
    pub amounts: Amounts,
    pub by_stream: bool,
    pub by_api: bool,
}

/// A day as its daily row has it: all of it, and the part that only the API told.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct DayRow {
    pub day: NaiveDate,
    #[sqlx(flatten)]
    pub whole: Amounts,
    pub data_by_api: bool,
    /// Messages that only the API told.
    pub api_sms_mo: i64,
    pub api_sms_mt: i64,
    pub by_stream: bool,
    pub by_api: bool,
}

/// The records of one period, or of one UTC day: exactly one of the two is set.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct RecordsRow {
    /// 1 for the first period.
    pub period: Option<i32>,
    pub day: Option<NaiveDate>,
    #[sqlx(flatten)]
    pub amounts: Amounts,
    /// Something of them counts, be it a session without a byte.
    pub by_stream: bool,
}

/// `sim_usage_daily` tells these by itself; `by_stream` and `by_api` say who told what is used of a day.
macro_rules! told_by {
    () => {
        "(NOT data_by_api AND data_records > 0 OR sms_mo > 0 OR sms_mt > 0) AS by_stream, \
         (data_by_api OR used_sms_mo > sms_mo OR used_sms_mt > sms_mt) AS by_api"
    };
}
pub(super) use told_by;

const PERIODS: &str = concat!(
    "SELECT date_trunc($4, day::timestamp)::date AS first_day, sum(used_rx)::bigint AS rx, sum(used_tx)::bigint AS tx, ",
    "sum(used_total)::bigint AS total, sum(used_sms_mo) AS sms_mo, sum(used_sms_mt) AS sms_mt, ",
    "sum(sessions) AS sessions, bool_or(by_stream) AS by_stream, bool_or(by_api) AS by_api FROM (SELECT *, ",
    told_by!(),
    " FROM sim_usage_daily WHERE iccid = $1 AND day BETWEEN $2 AND $3) AS days GROUP BY 1 ORDER BY 1"
);

const DAYS: &str = concat!(
    "SELECT day, used_rx AS rx, used_tx AS tx, used_total AS total, used_sms_mo::bigint AS sms_mo, ",
    "used_sms_mt::bigint AS sms_mt, sessions::bigint AS sessions, data_by_api, ",
    "(used_sms_mo - sms_mo)::bigint AS api_sms_mo, (used_sms_mt - sms_mt)::bigint AS api_sms_mt, ",
    told_by!(),
    " FROM sim_usage_daily WHERE iccid = $1 AND day BETWEEN $2 AND $3 ORDER BY day"
);

/// Data of the days in `$5` are left out, their messages and sessions are not. Records without a session are one session
/// each when they are of data, which is what those without messages are.
const RECORDS: &str = "
    SELECT period, day,
           coalesce(sum(rx) FILTER (WHERE told), 0)::bigint AS rx, coalesce(sum(tx) FILTER (WHERE told), 0)::bigint AS tx,
           coalesce(sum(total) FILTER (WHERE told), 0)::bigint AS total,
           sum(sms_mo)::bigint AS sms_mo, sum(sms_mt)::bigint AS sms_mt,
           count(DISTINCT session_id)
               + count(*) FILTER (WHERE session_id IS NULL AND sms_mo = 0 AND sms_mt = 0) AS sessions,
           bool_or(told OR sms_mo > 0 OR sms_mt > 0) AS by_stream
    FROM (SELECT width_bucket(ended_at, $4) AS period, (ended_at AT TIME ZONE 'UTC')::date AS day,
                 (ended_at AT TIME ZONE 'UTC')::date <> ALL ($5) AS told, rx, tx, total, sms_mo, sms_mt, session_id
          FROM sim_usage WHERE iccid = $1 AND ended_at >= $2 AND ended_at < $3) AS records
    GROUP BY GROUPING SETS ((period), (day))";

impl Store {
    /// The SIM, when the caller may see it: one of its organization; for the platform also one that only sent something.
    ///
    /// # Errors
    /// The database's.
    pub async fn visible_sim(&self, scope: Scope, iccid: Iccid) -> Result<Option<VisibleSim>, StoreError> {
        let number = iccid.as_i64();
        let known = match scope {
            Scope::Organization(organization) => sqlx::query_scalar(
                "SELECT EXISTS (SELECT FROM sims WHERE iccid = $1 AND organization_id = $2)",
            )
            .bind(number)
            .bind(organization.0),
            Scope::All => sqlx::query_scalar(
                "SELECT EXISTS (SELECT FROM sims WHERE iccid = $1)
                     OR EXISTS (SELECT FROM sim_usage_daily WHERE iccid = $1)",
            )
            .bind(number),
        };
        let mut found: bool = known.fetch_one(self.db().pool()).await?;
        if !found && scope == Scope::All {
            // These look into every chunk, so only where nothing else knows the SIM.
            let sent = "SELECT EXISTS (SELECT FROM sim_events WHERE iccid = $1)
                            OR EXISTS (SELECT FROM sim_usage WHERE iccid = $1)";
            found = sqlx::query_scalar(sent)
                .bind(number)
                .fetch_one(self.db().pool())
                .await?;
        }
        Ok(found.then_some(VisibleSim { iccid }))
    }

    /// Days, weeks or months of UTC with a row, the oldest first.
    ///
    /// # Errors
    /// The database's.
    pub async fn usage_periods(
        &self,
        sim: VisibleSim,
        granularity: Granularity,
        range: DayRange,
    ) -> Result<Vec<PeriodRow>, StoreError> {
        let unit = match granularity {
            Granularity::Hourly | Granularity::Daily => "day",
            Granularity::Weekly => "week",
            Granularity::Monthly => "month",
        };
        let rows = sqlx::query_as(PERIODS)
            .bind(sim.number())
            .bind(range.start)
            .bind(range.end)
            .bind(unit);
        Ok(rows.fetch_all(self.db().pool()).await?)
    }

    /// The daily rows of these days of UTC.
    ///
    /// # Errors
    /// The database's.
    pub async fn usage_days(&self, sim: VisibleSim, range: DayRange) -> Result<Vec<DayRow>, StoreError> {
        let rows = sqlx::query_as(DAYS)
            .bind(sim.number())
            .bind(range.start)
            .bind(range.end);
        Ok(rows.fetch_all(self.db().pool()).await?)
    }

    /// The records of a span, summed by period and, once more, by day of UTC. `begins` are the begins of the periods, the
    /// last one of what follows them; the data of the days in `without_data` are left out.
    ///
    /// # Errors
    /// The database's.
    pub async fn usage_records(
        &self,
        sim: VisibleSim,
        span: Span,
        begins: &[DateTime<Utc>],
        without_data: &[NaiveDate],
    ) -> Result<Vec<RecordsRow>, StoreError> {
        let rows = sqlx::query_as(RECORDS)
            .bind(sim.number())
            .bind(span.from)
            .bind(span.before)
            .bind(begins)
            .bind(without_data);
        Ok(rows.fetch_all(self.db().pool()).await?)
    }
}

/// Who told what is used.
pub fn source(by_stream: bool, by_api: bool) -> UsageSource {
    match (by_stream, by_api) {
        (true, true) => UsageSource::Mixed,
        (false, true) => UsageSource::Api,
        (_, false) => UsageSource::Stream,
    }
}

impl VisibleSim {
    pub(super) fn number(self) -> i64 {
        self.iccid.as_i64()
    }
}
