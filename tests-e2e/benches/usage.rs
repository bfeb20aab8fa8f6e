//! Usage of single SIMs through the gateway, with very many records stored.

use std::time::Duration;

use once_emulator::EmulatorConfig;
use serde_json::Value;
use tests_e2e::Sandbox;
use tokio::task::block_in_place;

use crate::fleet::{REST, SETTINGS, iccid, without_usage};
use crate::load::{Limit, run, write_get};
use crate::report::{Report, ms};
use crate::sizes::Sizes;
use crate::usage_rows::{DAYS, Stored, load};

const P95: Duration = Duration::from_millis(50);
const CONNECTIONS: usize = 8;

/// A period that is asked for: its name, days back from the last one, granularity, time zone, and whether 50 ms bind.
struct Period {
    name: &'static str,
    days: u64,
    granularity: &'static str,
    time_zone: &'static str,
    promised: bool,
}

const PERIODS: [Period; 3] = [
    Period {
        name: "90 days by day",
        days: DAYS,
        granularity: "daily",
        time_zone: "UTC",
        promised: true,
    },
    Period {
        name: "7 days by hour",
        days: 7,
        granularity: "hourly",
        time_zone: "UTC",
        promised: false,
    },
    Period {
        name: "90 days by day in Europe/Berlin",
        days: DAYS,
        granularity: "daily",
        time_zone: "Europe/Berlin",
        promised: false,
    },
];

/// Loads and reads.
pub async fn measure(report: &mut Report, sizes: &Sizes) {
    let emulator = without_usage(EmulatorConfig::default().with_fleet(3));
    let sandbox = Sandbox::start(emulator, &SETTINGS).await;
    // Its accounts are what the SIMs are written for.
    sandbox.first_sync().await;
    let stored = Stored::new(sizes.usage_rows);
    let mut database = sandbox.scope.connection().await;
    if let Some(reason) = stored.lacks_room(&mut database).await {
        return report.missing("usage of one SIM", &reason);
    }
    load(report, &sandbox, stored).await;
    tokio::time::sleep(REST).await;
    for period in &PERIODS {
        period.check(&sandbox, stored).await;
        period.measure(report, &sandbox, sizes, stored);
    }
}

impl Period {
    fn path(&self, sim: u64, stored: Stored) -> String {
        let last = stored.last_day();
        let first = last - chrono::Days::new(self.days - 1);
        format!(
            "/api/v1/sims/{}/usage?granularity={}&start_date={first}&end_date={last}&tz={}",
            iccid(sim),
            self.granularity,
            self.time_zone
        )
    }

    /// What is measured has to be right.
    async fn check(&self, sandbox: &Sandbox, stored: Stored) {
        let sim = stored.sims / 2;
        let answer = sandbox
            .simward()
            .get(&self.path(sim, stored))
            .await
            .expect("usage");
        let (told, periods) = (
            &answer["data"]["summary"]["total_volume"],
            &answer["data"]["usage"],
        );
        let expected: i64 = sqlx::query_scalar(
            "SELECT sum(total)::bigint FROM usage.sim_usage WHERE iccid = $1
             AND (ended_at AT TIME ZONE $2)::date BETWEEN $3 AND $4",
        )
        .bind(iccid(sim).cast_signed())
        .bind(self.time_zone)
        .bind(stored.last_day() - chrono::Days::new(self.days - 1))
        .bind(stored.last_day())
        .fetch_one(&mut sandbox.scope.connection().await)
        .await
        .expect("a sum");
        assert_eq!(number(told), Some(expected), "{}: {told}", self.name);
        assert!(
            periods.as_array().is_some_and(|periods| !periods.is_empty()),
            "{answer}"
        );
    }

    /// Another SIM with every request.
    fn measure(&self, report: &mut Report, sandbox: &Sandbox, sizes: &Sizes, stored: Stored) {
        let simward = sandbox.simward();
        let addr = simward.url.trim_start_matches("http://");
        let addr = addr.parse().expect("an address");
        let limit = Limit::time(sizes.list_limit);
        let write = |number: usize, text: &mut Vec<u8>| {
            let seed = u64::try_from(number)
                .expect("small")
                .wrapping_mul(0x9E37_79B9_7F4A_7C15)
                >> 24;
            write_get(text, &self.path(seed % stored.sims, stored), &simward.key);
        };
        let load = block_in_place(|| run(addr, CONNECTIONS, limit, write));
        let name = format!(
            "usage of one SIM, {}, {} rows stored, {CONNECTIONS} connections",
            self.name, stored.rows
        );
        let p95 = load.percentile(95);
        let measured = format!(
            "{:.0}/s, p50 {}, p95 {}, max {}",
            load.per_second,
            ms(load.percentile(50)),
            ms(p95),
            ms(load.max())
        );
        if self.promised {
            report.within(&name, measured, p95, P95);
        } else {
            let ratio = p95.as_secs_f64() / P95.as_secs_f64();
            report.note(&name, measured, "50 ms allowed by day", Some(ratio));
        }
    }
}

/// A volume may be told as a number or, so that no reader rounds it, as text.
fn number(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
}
