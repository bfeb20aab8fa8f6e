//! Receiving usage records: until the durable 200, and until the rows are committed, against PostgreSQL's COPY.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use messages::INGEST;
use once_emulator::EmulatorConfig;
use service_runtime::bus::Bus;
use sqlx::{PgPool, Row};
use test_support::{DATASTREAMER, eventually_within};
use tests_e2e::Sandbox;
use tokio::task::block_in_place;

use crate::copy::Rows;
use crate::fleet::{REST, SETTINGS};
use crate::load::{Limit, Load, run, write_post};
use crate::process::peak_mib;
use crate::records::{Arrivals, BATCH};
use crate::report::{Report, ms};
use crate::sizes::Sizes;

const SIMS: u32 = 20_000;
const CONNECTIONS: usize = 4;
const P99: Duration = Duration::from_millis(150);
/// At least this part of what COPY does.
const RATIO: f64 = 0.5;
/// Committed at once, by the merge and by the COPY beside it.
const TRANSACTION: u64 = 60_000;
/// Nothing waits so long.
const PATIENCE: Duration = Duration::from_secs(600);
/// Bodies in work (usage.receive_memory_mb) 96 MiB, the same again while they are decoded and published, a merge of
/// 60,000 records at 400 bytes 23 MiB, and 150 MiB for the process at rest.
const MEMORY_MIB: f64 = 370.0;

/// A running Simward whose inventory knows the SIMs that send.
struct Receiver {
    sandbox: Sandbox,
    addr: SocketAddr,
    database: PgPool,
    iccids: Vec<u64>,
}

/// The webhook's answers, then the sustained load.
pub async fn measure(report: &mut Report, sizes: &Sizes) {
    let receiver = Receiver::start().await;
    if sizes.wants("webhook") {
        for clients in [1, CONNECTIONS] {
            receiver.webhook(report, sizes, clients).await;
        }
    }
    if sizes.wants("ingest") {
        receiver.sustained(report, sizes).await;
    }
}

impl Receiver {
    /// 1NCE grants what it usually does: readings by API take their part of the machine, and no more.
    async fn start() -> Self {
        let mut settings = SETTINGS.to_vec();
        settings.push(("SIMWARD__NATS__MAX_STREAM_MB", "1024"));
        let emulator = EmulatorConfig::default().with_fleet(SIMS);
        let sandbox = Sandbox::start(emulator, &settings).await;
        sandbox.sync().await;
        let database = PgPool::connect(&sandbox.scope.database_url)
            .await
            .expect("the database");
        let known = || async {
            let known: i64 =
                sqlx::query_scalar("SELECT count(*) FROM usage.sims WHERE organization_id IS NOT NULL")
                    .fetch_one(&database)
                    .await?;
            anyhow::ensure!(known == i64::from(SIMS), "{known} SIMs");
            Ok(())
        };
        eventually_within(PATIENCE, "usage-ingestor knows the SIMs", known).await;
        let iccids: Vec<i64> = sqlx::query_scalar("SELECT iccid FROM sim.sims ORDER BY iccid")
            .fetch_all(&database)
            .await
            .expect("the SIMs");
        let addr = sandbox.simward().ingest_url.trim_start_matches("http://");
        Self {
            addr: addr.parse().expect("an address"),
            iccids: iccids.into_iter().map(i64::cast_unsigned).collect(),
            database,
            sandbox,
        }
    }

    /// Bodies of 3,000 records, as fast as they are answered.
    async fn webhook(&self, report: &mut Report, sizes: &Sizes, clients: usize) {
        let records = BATCH * u64::try_from(sizes.webhook_bodies).expect("small");
        let bodies = bodies(&Arrivals::new(self.iccids.clone(), records), records);
        self.empty().await;
        let load = self.post(&bodies, clients);
        self.merged().await;
        assert_eq!(self.stored().await.0, records);
        let measured = format!(
            "p50 {}, p99 {}, {:.0} records/s",
            ms(load.percentile(50)),
            ms(load.percentile(99)),
            load.per_second * BATCH as f64
        );
        let size = bodies[0].len() / 1024;
        let name = format!("webhook, {BATCH} records, {size} KiB, to the durable 200, {clients} at a time");
        report.within(&name, measured, load.percentile(99), P99);
    }

    /// From the first byte of the first body until the last row is committed; then the same rows by COPY.
    async fn sustained(&self, report: &mut Report, sizes: &Sizes) {
        let records = sizes.ingest_records;
        let arrivals = Arrivals::new(self.iccids.clone(), records);
        let bodies = bodies(&arrivals, records);
        self.empty().await;
        let began = Instant::now();
        let load = self.post(&bodies, CONNECTIONS);
        let answered = began.elapsed();
        self.merged().await;
        let rate = records as f64 / began.elapsed().as_secs_f64();
        let peak = peak_mib();
        drop(bodies);
        self.check(&arrivals, records).await;
        self.empty().await;
        let copied = self.copy(&arrivals, records).await;
        let name = format!("ingest, HTTP to committed rows, {records} records, {CONNECTIONS} connections");
        let measured = format!(
            "{rate:.0}/s, answered at {:.0}/s, p99 {}",
            records as f64 / answered.as_secs_f64(),
            ms(load.percentile(99))
        );
        let comparison = format!(
            "{copied:.0}/s, binary COPY, 1 connection, order of arrival, {TRANSACTION} rows a transaction"
        );
        report.at_least(&name, measured, comparison, rate / copied, RATIO);
        let name = "memory, peak while receiving (96 bodies, 96 decoded, 23 merging, 150 at rest)";
        report.within_mib(name, peak, MEMORY_MIB);
    }

    fn post(&self, bodies: &[Vec<u8>], clients: usize) -> Load {
        let limit = Limit {
            time: PATIENCE,
            requests: bodies.len(),
        };
        let write = |number: usize, text: &mut Vec<u8>| {
            write_post(text, "/datastreamer/v1/usage", DATASTREAMER, &bodies[number]);
        };
        block_in_place(|| run(self.addr, clients, limit, write))
    }

    /// Waits until every record is committed and acknowledged. The stream is asked instead of the table, whose count
    /// would cost the machine as much as the merge.
    async fn merged(&self) {
        let config = self.sandbox.scope.runtime_config().nats;
        let bus = Bus::connect(&config, "bench").await.expect("NATS");
        let name = bus.subjects().stream(INGEST.name);
        let stream = bus.jetstream().get_stream(name).await.expect("the stream");
        let empty = || async {
            let waiting = stream.get_info().await?.state.messages;
            anyhow::ensure!(waiting == 0, "{waiting} batches wait");
            Ok(())
        };
        eventually_within(PATIENCE, "every batch is merged", empty).await;
    }

    /// How many records are stored, and their volume.
    async fn stored(&self) -> (u64, u64) {
        let row = sqlx::query("SELECT count(*), coalesce(sum(total), 0)::bigint FROM usage.sim_usage")
            .fetch_one(&self.database)
            .await
            .expect("a count");
        let [count, total] = [0, 1].map(|column| row.get::<i64, usize>(column).cast_unsigned());
        (count, total)
    }

    /// Nothing lost, nothing twice, in the rows and in the daily totals.
    async fn check(&self, arrivals: &Arrivals, records: u64) {
        let sent: u64 = (0..records).map(|number| arrivals.record(number).total()).sum();
        assert_eq!(self.stored().await, (records, sent));
        let daily: i64 = sqlx::query_scalar("SELECT sum(total)::bigint FROM usage.sim_usage_daily")
            .fetch_one(&self.database)
            .await
            .expect("a sum");
        assert_eq!(daily.cast_unsigned(), sent, "the daily totals");
    }

    /// Empties what usage fills, and waits until the server has written down the past.
    async fn empty(&self) {
        tokio::time::sleep(REST).await;
        for statement in [
            "TRUNCATE usage.sim_usage",
            "TRUNCATE usage.sim_usage_daily, usage.fleet_usage_daily, usage.ingest_hours",
            "CHECKPOINT",
        ] {
            sqlx::query(statement)
                .execute(&self.database)
                .await
                .expect("the owner may");
        }
    }

    /// Rows a second of COPY; only the database's own time counts.
    async fn copy(&self, arrivals: &Arrivals, records: u64) -> f64 {
        let mut database = self.sandbox.scope.connection().await;
        let mut time = Duration::ZERO;
        let mut first = 0;
        while first < records {
            let last = (first + TRANSACTION).min(records);
            let rows = Rows::new((first..last).map(|number| arrivals.record(number)));
            let began = Instant::now();
            let copied = rows.copy(&mut database).await;
            time += began.elapsed();
            assert_eq!(copied, last - first);
            first = last;
        }
        records as f64 / time.as_secs_f64()
    }
}

/// Every request's body, made before the clock runs.
fn bodies(arrivals: &Arrivals, records: u64) -> Vec<Vec<u8>> {
    let firsts = (0..records).step_by(usize::try_from(BATCH).expect("small"));
    firsts
        .map(|first| arrivals.body(first, (first + BATCH).min(records)))
        .collect()
}
