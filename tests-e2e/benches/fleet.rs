//! The fleet that is read: a tenth of it swept from an emulated 1NCE, the rest written by SQL.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use once_emulator::{EmulatorConfig, Generation};
use sqlx::{AssertSqlSafe, PgConnection};
use tests_e2e::Sandbox;

use crate::load::{Connection, write_get};
use crate::report::Report;
use crate::sizes::Sizes;

/// Written at once; a statement of a million rows would hold a million trigger rows in memory.
const CHUNK: u64 = 25_000;
/// A prime, so that its multiples reach every SIM once before they repeat.
const STRIDE: u64 = 15_485_863;

/// A running Simward over a large fleet.
pub struct Fleet {
    pub sandbox: Sandbox,
    /// Of the REST API.
    pub addr: SocketAddr,
    /// An API key.
    pub key: String,
    /// A SIM that the sweep has stored.
    pub swept: String,
}

impl Fleet {
    /// A connection to the REST API.
    pub async fn connection(&self) -> Connection {
        Connection::open(self.addr).await
    }

    /// A GET of this path.
    pub fn get(&self, path: &str) -> Vec<u8> {
        let mut text = Vec::new();
        write_get(&mut text, path, &self.key);
        text
    }

    /// A connection as the owner of the database.
    pub async fn database(&self) -> PgConnection {
        self.sandbox.scope.connection().await
    }
}

/// The settings of a product installation, where the tests' differ.
pub const SETTINGS: [(&str, &str); 2] = [
    ("SIMWARD__DATABASE__MAX_CONNECTIONS", "16"),
    ("SIMWARD__SIM__LEASE_SECONDS", "10"),
];

/// A 1NCE that tells no usage by API (v1 is gone and v2 lacks it): it would be read for each SIM beside what is measured.
pub fn without_usage(emulator: EmulatorConfig) -> EmulatorConfig {
    emulator.with_settings(|settings| {
        settings.v1 = Generation::Retired;
        settings.v2_usage = false;
    })
}

/// Starts everything and reads a tenth of the fleet from a 1NCE without limits.
pub async fn start(sizes: &Sizes, report: &mut Report) -> Fleet {
    let swept = u32::try_from(sizes.swept()).expect("a fleet of the emulator's size");
    let emulator = without_usage(EmulatorConfig::default().with_fleet(swept).without_limits());
    let mut settings = SETTINGS.to_vec();
    settings.push(("ONCE_SIMS_PER_SECOND", "5000"));
    let sandbox = Sandbox::start(emulator, &settings).await;
    let began = Instant::now();
    let run = sandbox.sync().await;
    assert_eq!(run["sims_seen"], swept, "{run}");
    let per_second = f64::from(swept) / began.elapsed().as_secs_f64();
    let name = "sweep of new SIMs, 1NCE without limits";
    let measured = format!("{per_second:.0} SIMs/s");
    report.note(
        name,
        measured,
        "1000 SIMs/s that 1NCE grants",
        Some(per_second / 1000.0),
    );
    let first = sandbox
        .simward()
        .get("/api/v1/sims?page_size=1")
        .await
        .expect("a page");
    let swept = first["data"][0]["iccid"].as_str().expect("an iccid").to_owned();
    let simward = sandbox.simward();
    let addr = simward
        .url
        .trim_start_matches("http://")
        .parse()
        .expect("an address");
    let key = simward.key.clone();
    Fleet {
        sandbox,
        addr,
        key,
        swept,
    }
}

/// Writes the rest of the fleet, and lets PostgreSQL count it as its own housekeeping would within minutes.
pub async fn fill(fleet: &Fleet, sizes: &Sizes, report: &mut Report) {
    let began = Instant::now();
    let mut database = fleet.database().await;
    let mut first = 0;
    while first < sizes.filled() {
        let last = (first + CHUNK).min(sizes.filled()) - 1;
        sqlx::query(include_str!("fleet.sql"))
            .bind(i64::try_from(first).expect("small"))
            .bind(i64::try_from(last).expect("small"))
            .execute(&mut database)
            .await
            .expect("SIMs are written");
        first = last + 1;
    }
    for table in ["sims", "sim_tags", "sim_buckets"] {
        sqlx::query(AssertSqlSafe(format!("VACUUM ANALYZE sim.{table}")))
            .execute(&mut database)
            .await
            .expect("a vacuum");
    }
    let stored: i64 = sqlx::query_scalar("SELECT count(*) FROM sim.sims")
        .fetch_one(&mut database)
        .await
        .expect("a count");
    assert_eq!(u64::try_from(stored).ok(), Some(sizes.sims));
    let seconds = began.elapsed().as_secs_f64();
    report.note(
        "SIMs written by SQL",
        format!("{} in {seconds:.0} s", sizes.filled()),
        "",
        None,
    );
}

/// The ICCID of SIM `number` of those that SQL writes; the same formula as in `fleet.sql`.
pub fn iccid(number: u64) -> u64 {
    8_988_228_066_000_000_000 + number / 500 * 10_000 + number % 500
}

/// The same in an order that meets every SIM once, and neighbours never one after the other.
pub fn scattered(position: u64, sizes: &Sizes) -> u64 {
    iccid(position.wrapping_mul(STRIDE) % sizes.filled())
}

/// Long enough for caches, key counters and pools to come to rest.
pub const REST: Duration = Duration::from_secs(6);
