//! The books are right after any sequence of batches, repeated, split, reordered and cut off, with a crash at any await.

mod history;

use std::pin::Pin;
use std::task::{Context, Poll};

use chrono::{DateTime, Utc};
use domain::{DataVolume, Iccid};
use messages::pb::usage as pb;
use once_client::OnceClient;
use once_client::model::{DataUsage, Extra, SmsUsage, UsageDay};
use once_client::settings::{self as once, OnceSettings};
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use prost::Message;
use service_runtime::config::Settings;
use service_runtime::{Runtime, Shared};
use sqlx::{PgConnection, Row};
use test_support::Scope;

use self::history::{Attempt, Books, FIRST_MS, History, Reading, Step, Sums, day, expected, history, record};
use super::Received;
use crate::app::App;
use crate::config::IngestorConfig;
use crate::error::StoreError;
use crate::store::api_readings::{DueReading, NextCheck};
/// A future that is dropped after some polls, as a process dies between any two steps.
struct Cut<F> {
    work: Pin<Box<F>>,
    polls: usize,
}

impl<F: Future> Future for Cut<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if self.polls == 0 {
            return Poll::Ready(None);
        }
        self.polls -= 1;
        self.work.as_mut().poll(context).map(Some)
    }
}

fn received(history: &History, batch: usize) -> Received {
    let usage: Vec<_> = history.batches[batch]
        .iter()
        .map(|number| record(*number))
        .collect();
    let events = history.batches[batch].iter().map(|number| pb::EventRecord {
        iccid: 8_988_280_666_000_000_000,
        event_id: i64::from(*number),
        occurred_at_ms: FIRST_MS,
        kind: pb::EventKind::Network.into(),
        ..pb::EventRecord::default()
    });
    Received {
        sequence: batch as i64 + 1,
        at: Utc::now(),
        again: false,
        batch: pb::IngestBatch {
            events: events.collect(),
            usage,
            ..pb::IngestBatch::default()
        },
    }
}

/// Runs work to its end, or cuts it off.
async fn run<T>(work: impl Future<Output = Result<T, StoreError>>, cut: Option<usize>) {
    let work = Cut {
        work: Box::pin(work),
        polls: cut.unwrap_or(usize::MAX),
    };
    if let Some(done) = work.await {
        done.expect("the database");
    }
}

async fn play(app: &App, history: &History) {
    for step in &history.steps {
        match step {
            Step::Merge(Attempt { batches, cut }) => {
                let batches = batches.iter().map(|index| index.index(history.batches.len()));
                let batches = batches.map(|batch| received(history, batch)).collect();
                run(app.merge(batches, 1), *cut).await;
            }
            Step::Read(reading, cut) => run(read(app, *reading), *cut).await,
        }
    }
    // JetStream delivers until it is told that all is well, and what was not read to the end is due again.
    for reading in history.last_readings().into_values() {
        run(read(app, reading), None).await;
    }
    for batch in (0..history.batches.len()).rev() {
        run(app.merge(vec![received(history, batch)], 2), None).await;
    }
}

async fn read(app: &App, reading: Reading) -> Result<(), StoreError> {
    let due = DueReading {
        iccid: Iccid::from_i64(8_988_280_666_000_000_000 + reading.sim).expect("an ICCID"),
        priority: 3,
        from_day: None,
        checked_through: None,
        attempts: 0,
    };
    let bytes = DataVolume::from_bytes;
    let told = UsageDay {
        date: day(reading.day),
        data: DataUsage {
            total: bytes(reading.rx + reading.tx),
            tx: bytes(reading.tx),
            rx: bytes(reading.rx),
        },
        sms: SmsUsage {
            total: reading.sms_mo + reading.sms_mt,
            mo: reading.sms_mo,
            mt: reading.sms_mt,
        },
        extra: Extra::default(),
    };
    let next = NextCheck {
        stream_flows: true,
        check_days: 7,
    };
    app.store.store_reading(&due, &[told], day(0), next).await
}

fn sums(row: &sqlx::postgres::PgRow) -> Sums {
    Sums {
        rx: row.get("rx"),
        tx: row.get("tx"),
        total: row.get("total"),
        sms_mo: row.get("sms_mo"),
        sms_mt: row.get("sms_mt"),
    }
}

async fn stored(db: &mut PgConnection) -> Books {
    let mut books = Books::default();
    for row in all(db, "SELECT iccid, ended_at, record_id FROM sim_usage").await {
        let ended_at: DateTime<Utc> = row.get(1);
        books
            .keys
            .insert((row.get(0), ended_at.timestamp_millis(), row.get(2)));
    }
    let days =
        "SELECT iccid, day, used_rx AS rx, used_tx AS tx, used_total AS total, used_sms_mo::bigint AS sms_mo,
                       used_sms_mt::bigint AS sms_mt, sessions::bigint FROM sim_usage_daily";
    for row in all(db, days).await {
        books
            .days
            .insert((row.get(0), row.get(1)), (sums(&row), row.get("sessions")));
    }
    let fleet =
        "SELECT day, operator_id, sum(rx)::bigint AS rx, sum(tx)::bigint AS tx, sum(total)::bigint AS total,
                        sum(sms_mo)::bigint AS sms_mo, sum(sms_mt)::bigint AS sms_mt
                 FROM fleet_usage_daily GROUP BY day, operator_id";
    for row in all(db, fleet).await {
        books.fleet.insert((row.get(0), row.get(1)), sums(&row));
    }
    books.fleet.retain(|_, sums| *sums != Sums::default());
    for row in all(db, "SELECT payload FROM outbox").await {
        let event = pb::UsageRecorded::decode(row.get::<&[u8], _>(0)).expect("an event");
        for sim in event.sims {
            let key = (sim.iccid.parse().unwrap(), sim.day.parse().unwrap());
            let sums = books.announced.entry(key).or_default();
            sums.rx += sim.rx.cast_signed();
            sums.tx += sim.tx.cast_signed();
            sums.total += sim.total.cast_signed();
            sums.sms_mo += i64::from(sim.sms_mo);
            sums.sms_mt += i64::from(sim.sms_mt);
        }
    }
    books.events = all(db, "SELECT 1 FROM sim_events").await.len() as i64;
    let counted = "SELECT coalesce(sum(records), 0)::bigint FROM ingest_hours WHERE stream = 'usage'";
    books.counted = all(db, counted).await[0].get(0);
    books
}

async fn all(db: &mut PgConnection, statement: &'static str) -> Vec<sqlx::postgres::PgRow> {
    sqlx::query(statement).fetch_all(db).await.expect("rows")
}

async fn app(scope: &Scope) -> (App, Shared) {
    crate::SERVICE
        .migrate(&scope.runtime_config().database)
        .await
        .expect("migrate");
    let settings = Settings::build(
        &[once::DEFAULTS, crate::DEFAULTS],
        &[("ID", "once.client_id"), ("SECRET", "once.client_secret")],
        |_| Some("unused".to_owned()),
    )
    .expect("settings");
    let runtime = scope.runtime_config();
    let account: OnceSettings = settings.section("once").expect("settings");
    let account = account.client(&runtime.redis.prefix).expect("an account");
    let shared = Shared::start(runtime, "test").await.expect("servers");
    let client = OnceClient::new(account, None, shared.metrics.recorder()).expect("a client");
    let runtime = Runtime::start(&shared, &crate::SERVICE)
        .await
        .expect("the database");
    let config = IngestorConfig::from_settings(&settings).expect("settings");
    (App::new(config, client, &runtime), shared)
}

#[test]
fn the_books_hold_each_distinct_record_once_whatever_happens() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let scope = runtime.block_on(Scope::new());
    let (app, _shared) = runtime.block_on(app(&scope));
    let mut db = runtime.block_on(scope.connection());
    // Keeps the relay from publishing, so that every announcement stays in the outbox to be counted.
    runtime.block_on(all(&mut db, "SELECT pg_advisory_lock(hashtext('outbox usage'))"));
    runtime.block_on(all(
        &mut db,
        "SELECT set_config('search_path', 'usage,public', false)",
    ));
    let mut runner = TestRunner::new(Config {
        cases: 40,
        failure_persistence: None,
        max_shrink_iters: 60,
        ..Config::default()
    });
    let outcome = runner.run(&history(), |history| {
        let books = runtime.block_on(async {
            let mut db = scope.connection().await;
            all(&mut db, "SELECT set_config('search_path', 'usage,public', false)").await;
            sqlx::query("TRUNCATE sims, sim_presence, presence_counts, sim_usage, sim_usage_daily, fleet_usage_daily, sim_events, ingest_hours, outbox")
                .execute(&mut db)
                .await
                .expect("empty tables");
            play(&app, &history).await;
            stored(&mut db).await
        });
        if books == expected(&history) {
            Ok(())
        } else {
            Err(TestCaseError::fail(format!("{books:#?}\nis not\n{:#?}", expected(&history))))
        }
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}
