//! Ninety days of usage records, written as the merge writes them: hour by hour, by SIM within an hour.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use chrono::{Days, NaiveDate, NaiveTime, Utc};
use sqlx::PgConnection;
use tests_e2e::Sandbox;

use crate::copy::Rows;
use crate::fleet::iccid;
use crate::records::{Record, STEP_MS};
use crate::report::Report;

pub const DAYS: u64 = 90;
/// Of one SIM on one day.
const A_DAY: u64 = 86_400_000 / STEP_MS.cast_unsigned();
const HOUR_MS: i64 = 3_600_000;
/// A row with its part of the index, and some room.
const ROW_BYTES: u64 = 200;
/// Write-ahead log, temporary files and everything else.
const SPARE_BYTES: u64 = 5_000_000_000;

/// What is stored.
#[derive(Clone, Copy)]
pub struct Stored {
    pub sims: u64,
    pub rows: u64,
    /// The first of the days, all of which are over.
    pub first_day: NaiveDate,
}

impl Stored {
    /// About so many rows; a SIM always has the same number, so the SIMs are as many as it takes.
    pub fn new(rows: u64) -> Self {
        let sims = rows.div_ceil(DAYS * A_DAY);
        Self {
            sims,
            rows: sims * DAYS * A_DAY,
            first_day: Utc::now().date_naive() - Days::new(DAYS),
        }
    }

    pub fn last_day(&self) -> NaiveDate {
        self.first_day + Days::new(DAYS - 1)
    }

    /// What the rows that end in one hour since the first day are, by SIM.
    fn hour(self, hour: i64) -> impl Iterator<Item = Record> {
        let midnight = self
            .first_day
            .and_time(NaiveTime::MIN)
            .and_utc()
            .timestamp_millis();
        let (from, to) = (hour * HOUR_MS, (hour + 1) * HOUR_MS);
        (0..self.sims).flat_map(move |sim| {
            // Each SIM has its own minute; a day's last record may end no later than the day.
            let own = sim.cast_signed() * 7_919 % (STEP_MS / 2);
            let day = hour / 24;
            let places = (0..A_DAY).filter_map(move |place| {
                let ended = day * 24 * HOUR_MS + place.cast_signed() * STEP_MS + own;
                (from..to).contains(&ended).then_some((place, ended))
            });
            places.map(move |(place, ended)| {
                let number = (day.cast_unsigned() * A_DAY + place) * self.sims + sim;
                Record::new(iccid(sim), sim, number, midnight + ended)
            })
        })
    }

    /// Why there is no room for the rows where the database lies; a server elsewhere is not asked.
    pub async fn lacks_room(&self, database: &mut PgConnection) -> Option<String> {
        let folder: String = sqlx::query_scalar("SELECT current_setting('data_directory')")
            .fetch_one(database)
            .await
            .expect("the owner may ask");
        let (free, needed) = (
            free_bytes(Path::new(&folder))?,
            self.rows * ROW_BYTES + SPARE_BYTES,
        );
        let gb = |bytes: u64| bytes / 1_000_000_000;
        (free < needed).then(|| {
            format!(
                "{} GB must be free where the database lies and {} GB are: set BENCH_USAGE_ROWS to less than {}",
                gb(needed),
                gb(free),
                self.rows
            )
        })
    }
}

fn free_bytes(folder: &Path) -> Option<u64> {
    let output = Command::new("df").arg("-Pk").arg(folder).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let free: u64 = text.lines().nth(1)?.split_whitespace().nth(3)?.parse().ok()?;
    output.status.success().then_some(free * 1024)
}

/// Writes SIMs, rows and daily totals.
pub async fn load(report: &mut Report, sandbox: &Sandbox, stored: Stored) {
    let mut database = sandbox.scope.connection().await;
    add_sims(&mut database, stored).await;
    let began = Instant::now();
    let (even, odd) = tokio::join!(
        write_hours(sandbox.scope.connection().await, stored, 0),
        write_hours(sandbox.scope.connection().await, stored, 1),
    );
    assert_eq!(even + odd, stored.rows);
    let rate = stored.rows as f64 / began.elapsed().as_secs_f64();
    let measured = format!("{} of {} SIMs, {rate:.0}/s", stored.rows, stored.sims);
    report.note("usage records written by COPY, 2 connections", measured, "", None);
    let began = Instant::now();
    total(&mut database).await;
    let seconds = began.elapsed().as_secs_f64();
    report.note(
        "daily totals written by SQL, and vacuum",
        format!("{seconds:.0} s"),
        "",
        None,
    );
}

/// In sim-service's inventory and in usage-ingestor's copy of it, each as the other would tell.
async fn add_sims(database: &mut PgConnection, stored: Stored) {
    sqlx::query(include_str!("fleet.sql"))
        .bind(0_i64)
        .bind((stored.sims - 1).cast_signed())
        .execute(&mut *database)
        .await
        .expect("SIMs are written");
    sqlx::query(
        "INSERT INTO usage.sims (iccid, organization_id, account, revision)
         SELECT iccid, organization_id, account, revision FROM sim.sims ON CONFLICT (iccid) DO NOTHING",
    )
    .execute(database)
    .await
    .expect("SIMs are copied");
}

/// Every second hour, one after the other.
async fn write_hours(mut database: PgConnection, stored: Stored, first: i64) -> u64 {
    // Nobody is told that a row is safe.
    sqlx::query("SET synchronous_commit = off")
        .execute(&mut database)
        .await
        .expect("a setting");
    let mut written = 0;
    for hour in (first..24 * DAYS.cast_signed()).step_by(2) {
        written += Rows::new(stored.hour(hour)).copy(&mut database).await;
        if hour % (24 * 10) == 0 {
            eprintln!("         day {} of {DAYS}", hour / 24);
        }
    }
    written
}

/// The totals in the order in which the merge makes them: day by day.
async fn total(database: &mut PgConnection) {
    for statement in [
        // First, so that what follows is planned by what is there.
        "VACUUM ANALYZE usage.sim_usage",
        "SET work_mem = '256MB'",
        "INSERT INTO usage.sim_usage_daily
             (iccid, day, rx, tx, total, data_records, sessions, last_ended_at)
         SELECT iccid, (ended_at AT TIME ZONE 'UTC')::date AS day, sum(rx), sum(tx), sum(total), count(*),
                count(*) / 20, max(ended_at)
         FROM usage.sim_usage GROUP BY iccid, day ORDER BY day, iccid",
        "VACUUM ANALYZE usage.sim_usage_daily",
        "VACUUM ANALYZE usage.sims",
    ] {
        sqlx::query(statement)
            .execute(&mut *database)
            .await
            .expect("daily totals");
    }
}
