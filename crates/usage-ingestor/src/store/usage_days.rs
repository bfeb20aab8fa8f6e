//! Daily totals, raised in the transaction that stores the records.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use sqlx::{AssertSqlSafe, PgConnection, Row};

/// What new records add to one UTC day of one SIM.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DayDelta {
    pub rx: i64,
    pub tx: i64,
    pub total: i64,
    pub sms_mo: i64,
    pub sms_mt: i64,
    /// Records of data, and of any kind.
    pub data_records: i32,
    pub records: u32,
    /// Short hashes of the sessions.
    pub marks: Vec<i32>,
    pub last_ended_at_ms: i64,
}

/// Volumes of a day.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Volumes {
    pub rx: i64,
    pub tx: i64,
    pub total: i64,
    pub sms_mo: i64,
    pub sms_mt: i64,
}

impl Volumes {
    /// The difference, which may be negative.
    pub fn minus(&self, other: &Self) -> Self {
        Self {
            rx: self.rx - other.rx,
            tx: self.tx - other.tx,
            total: self.total - other.total,
            sms_mo: self.sms_mo - other.sms_mo,
            sms_mt: self.sms_mt - other.sms_mt,
        }
    }
}

/// A day after it was raised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DayState {
    /// What the stream told so far.
    pub stream: Volumes,
    pub data_records: i64,
    /// What the API told.
    pub api: Option<Volumes>,
}

impl DayState {
    /// What of the API's numbers the stream did not bring: the same rule as the generated columns `used_*`.
    pub fn only_by_api(&self) -> Volumes {
        let Some(api) = self.api else {
            return Volumes::default();
        };
        let mut rest = Volumes {
            sms_mo: (api.sms_mo - self.stream.sms_mo).max(0),
            sms_mt: (api.sms_mt - self.stream.sms_mt).max(0),
            ..Volumes::default()
        };
        if api.total > self.stream.total + 1024 * self.data_records {
            rest.rx = api.rx - self.stream.rx;
            rest.tx = api.tx - self.stream.tx;
            rest.total = api.total - self.stream.total;
        }
        rest
    }
}

/// A SIM and a UTC day.
pub type DayKey = (i64, NaiveDate);

/// Raises the days, which are in order; answers each as it is now, in the same order.
///
/// # Errors
/// The database's.
pub async fn raise(
    transaction: &mut PgConnection,
    days: &[(DayKey, DayDelta)],
) -> Result<Vec<(DayKey, DayState)>, sqlx::Error> {
    let big = |field: fn(&DayDelta) -> i64| -> Vec<i64> { days.iter().map(|(_, day)| field(day)).collect() };
    let marks = |day: &DayDelta| {
        let marks: Vec<String> = day.marks.iter().map(ToString::to_string).collect();
        format!("{{{}}}", marks.join(","))
    };
    let last = |day: &DayDelta| super::copy::millis_to_time(day.last_ended_at_ms);
    let rows = sqlx::query(include_str!("raise_days.sql"))
        .bind(days.iter().map(|((iccid, _), _)| *iccid).collect::<Vec<_>>())
        .bind(days.iter().map(|((_, day), _)| *day).collect::<Vec<_>>())
        .bind(big(|day| day.rx))
        .bind(big(|day| day.tx))
        .bind(big(|day| day.total))
        .bind(big(|day| day.sms_mo))
        .bind(big(|day| day.sms_mt))
        .bind(days.iter().map(|(_, day)| day.data_records).collect::<Vec<_>>())
        .bind(days.iter().map(|(_, day)| marks(day)).collect::<Vec<_>>())
        .bind(
            days.iter()
                .map(|(_, day)| last(day))
                .collect::<Vec<DateTime<Utc>>>(),
        )
        .fetch_all(transaction)
        .await?;
    Ok(rows.iter().map(state).collect())
}

/// The columns of [`DayState`].
const STATE: &str = "iccid, day, rx, tx, total, sms_mo, sms_mt, data_records, api_rx, api_tx, api_total, api_sms_mo, \
                     api_sms_mt";

/// Holds the SIM's rows of these days until the transaction ends, and answers them.
///
/// # Errors
/// The database's.
pub async fn lock(
    transaction: &mut PgConnection,
    iccid: i64,
    days: &[NaiveDate],
) -> Result<BTreeMap<NaiveDate, DayState>, sqlx::Error> {
    let statement = format!(
        "SELECT {STATE} FROM sim_usage_daily WHERE iccid = $1 AND day = ANY($2) ORDER BY day FOR UPDATE"
    );
    let rows = sqlx::query(AssertSqlSafe(statement))
        .bind(iccid)
        .bind(days)
        .fetch_all(transaction)
        .await?;
    Ok(by_day(&rows).collect())
}

/// Sets what the API told of some days, each once; answers them as they are now.
///
/// # Errors
/// The database's.
pub async fn set_api(
    transaction: &mut PgConnection,
    iccid: i64,
    told: &BTreeMap<NaiveDate, Volumes>,
) -> Result<Vec<(NaiveDate, DayState)>, sqlx::Error> {
    let big = |field: fn(&Volumes) -> i64| -> Vec<i64> { told.values().map(field).collect() };
    let statement = format!(
        "INSERT INTO sim_usage_daily AS held (iccid, day, api_rx, api_tx, api_total, api_sms_mo, api_sms_mt, api_read_at)
         SELECT $1, day, rx, tx, total, sms_mo::integer, sms_mt::integer, now()
         FROM unnest($2::date[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[])
              AS told (day, rx, tx, total, sms_mo, sms_mt)
         ORDER BY day
         ON CONFLICT (iccid, day) DO UPDATE SET
             api_rx = excluded.api_rx, api_tx = excluded.api_tx, api_total = excluded.api_total,
             api_sms_mo = excluded.api_sms_mo, api_sms_mt = excluded.api_sms_mt, api_read_at = excluded.api_read_at
         RETURNING {STATE}"
    );
    let rows = sqlx::query(AssertSqlSafe(statement))
        .bind(iccid)
        .bind(told.keys().copied().collect::<Vec<_>>())
        .bind(big(|day| day.rx))
        .bind(big(|day| day.tx))
        .bind(big(|day| day.total))
        .bind(big(|day| day.sms_mo))
        .bind(big(|day| day.sms_mt))
        .fetch_all(transaction)
        .await?;
    Ok(by_day(&rows).collect())
}

fn by_day(rows: &[sqlx::postgres::PgRow]) -> impl Iterator<Item = (NaiveDate, DayState)> {
    rows.iter().map(|row| {
        let ((_, day), state) = state(row);
        (day, state)
    })
}

fn state(row: &sqlx::postgres::PgRow) -> (DayKey, DayState) {
    let api_total: Option<i64> = row.get("api_total");
    let or_zero = |name: &str| row.get::<Option<i64>, _>(name).unwrap_or(0);
    let int = |name: &str| i64::from(row.get::<i32, _>(name));
    let int_or_zero = |name: &str| i64::from(row.get::<Option<i32>, _>(name).unwrap_or(0));
    let state = DayState {
        stream: Volumes {
            rx: row.get("rx"),
            tx: row.get("tx"),
            total: row.get("total"),
            sms_mo: int("sms_mo"),
            sms_mt: int("sms_mt"),
        },
        data_records: int("data_records"),
        api: api_total.map(|total| Volumes {
            rx: or_zero("api_rx"),
            tx: or_zero("api_tx"),
            total,
            sms_mo: int_or_zero("api_sms_mo"),
            sms_mt: int_or_zero("api_sms_mt"),
        }),
    };
    ((row.get("iccid"), row.get("day")), state)
}
