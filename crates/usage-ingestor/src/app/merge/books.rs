//! The books are right after any sequence of batches, repeated, split, reordered and cut off, with a crash at any await.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;
use std::task::{Context, Poll};

use chrono::{DateTime, NaiveDate, Utc};
use messages::pb::usage as pb;
use once_client::OnceClient;
use once_client::settings::{self as once, OnceSettings};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use prost::Message;
use service_runtime::config::Settings;
use service_runtime::{Runtime, Shared};
use sqlx::{PgConnection, Row};
use test_support::Scope;

use super::Received;
use crate::app::App;
use crate::config::IngestorConfig;

/// Midnight of the first of three days.
const FIRST_MS: i64 = 1_790_000_000_000 / 86_400_000 * 86_400_000;
const DAY_MS: i64 = 86_400_000;

/// Records that are told apart by a small number, so that random ones are often the same.
fn record(number: u16) -> pb::UsageRecord {
    let number = u64::from(number);
    let sms = number % 5 == 0;
    let volume = |factor: u64| if sms { 0 } else { (number * factor) % 5000 };
    pb::UsageRecord {
        iccid: 8_988_280_666_000_000_000 + number % 4,
        record_id: (number / 4).cast_signed(),
        started_at_ms: FIRST_MS,
        // Some end exactly at midnight, which is the next day.
        ended_at_ms: FIRST_MS + (number % 12).cast_signed() * DAY_MS / 4,
        rx: volume(7),
        tx: volume(11),
        total: volume(7) + volume(11),
        sms_mo: u32::from(sms && number % 2 == 0),
        sms_mt: u32::from(sms && number % 2 == 1),
        mcc: 262,
        operator_id: (number % 3) as u32,
        rat: 6,
        session_id: if sms {
            Vec::new()
        } else {
            vec![(number % 7) as u8; 16]
        },
        ..pb::UsageRecord::default()
    }
}

/// One attempt to merge some of the batches; with a number it is cut off after so many polls.
#[derive(Debug, Clone)]
struct Attempt {
    batches: Vec<prop::sample::Index>,
    cut: Option<usize>,
}

#[derive(Debug, Clone)]
struct History {
    batches: Vec<Vec<u16>>,
    attempts: Vec<Attempt>,
}

fn history() -> impl Strategy<Value = History> {
    let batches = prop::collection::vec(prop::collection::vec(0u16..120, 0..30), 1..6);
    let attempt = (
        prop::collection::vec(any::<prop::sample::Index>(), 1..4),
        prop::option::weighted(0.7, 0usize..60),
    );
    let attempt = attempt.prop_map(|(batches, cut)| Attempt { batches, cut });
    (batches, prop::collection::vec(attempt, 0..8))
        .prop_map(|(batches, attempts)| History { batches, attempts })
}

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

async fn play(app: &App, history: &History) {
    for attempt in &history.attempts {
        let batches = attempt
            .batches
            .iter()
            .map(|index| received(history, index.index(history.batches.len())));
        let work = app.merge(batches.collect(), 1);
        match attempt.cut {
            None => drop(work.await.expect("the database")),
            Some(polls) => {
                let work = Box::pin(work);
                Cut { work, polls }.await.map(|done| done.expect("the database"));
            }
        }
    }
    // JetStream delivers until it is told that all is well.
    for batch in (0..history.batches.len()).rev() {
        app.merge(vec![received(history, batch)], 2)
            .await
            .expect("the database");
    }
}

type Sums = (i64, i64, i64, i64, i64);

/// What the books must say: keys, days, sessions and fleet sums of the distinct records.
#[derive(Debug, PartialEq, Eq, Default)]
struct Books {
    keys: BTreeSet<(i64, i64, i64)>,
    days: BTreeMap<(i64, NaiveDate), (Sums, i64)>,
    fleet: BTreeMap<(NaiveDate, i32), Sums>,
    announced: BTreeMap<(i64, NaiveDate), Sums>,
    events: i64,
    counted: i64,
}

fn add(sums: &mut Sums, record: &pb::UsageRecord) {
    sums.0 += record.rx.cast_signed();
    sums.1 += record.tx.cast_signed();
    sums.2 += record.total.cast_signed();
    sums.3 += i64::from(record.sms_mo);
    sums.4 += i64::from(record.sms_mt);
}

fn expected(history: &History) -> Books {
    let numbers: BTreeSet<u16> = history.batches.iter().flatten().copied().collect();
    let mut books = Books {
        events: numbers.len() as i64,
        counted: numbers.len() as i64,
        ..Books::default()
    };
    let mut sessions: BTreeMap<(i64, NaiveDate), BTreeSet<Vec<u8>>> = BTreeMap::new();
    for record in numbers.into_iter().map(record) {
        let time = DateTime::from_timestamp_millis(record.ended_at_ms).unwrap();
        let (iccid, day) = (record.iccid.cast_signed(), time.date_naive());
        books.keys.insert((iccid, record.ended_at_ms, record.record_id));
        add(&mut books.days.entry((iccid, day)).or_default().0, &record);
        add(books.announced.entry((iccid, day)).or_default(), &record);
        add(
            books
                .fleet
                .entry((day, record.operator_id.cast_signed()))
                .or_default(),
            &record,
        );
        if !record.session_id.is_empty() {
            sessions
                .entry((iccid, day))
                .or_default()
                .insert(record.session_id);
        }
    }
    for (key, sessions) in sessions {
        books.days.entry(key).or_default().1 = sessions.len() as i64;
    }
    books.fleet.retain(|_, sums| *sums != Sums::default());
    books
}

fn sums(row: &sqlx::postgres::PgRow) -> Sums {
    (
        row.get("rx"),
        row.get("tx"),
        row.get("total"),
        row.get("sms_mo"),
        row.get("sms_mt"),
    )
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
    for row in all(db, "SELECT payload FROM outbox").await {
        let event = pb::UsageRecorded::decode(row.get::<&[u8], _>(0)).expect("an event");
        for sim in event.sims {
            let key = (sim.iccid.parse().unwrap(), sim.day.parse().unwrap());
            let sums = books.announced.entry(key).or_default();
            sums.0 += sim.rx.cast_signed();
            sums.1 += sim.tx.cast_signed();
            sums.2 += sim.total.cast_signed();
            sums.3 += i64::from(sim.sms_mo);
            sums.4 += i64::from(sim.sms_mt);
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
    crate::migrate(&scope.runtime_config().database)
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
    let runtime = Runtime::start(&shared, crate::NAME).await.expect("the database");
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
            sqlx::query("TRUNCATE sims, sim_usage, sim_usage_daily, fleet_usage_daily, sim_events, ingest_hours, outbox")
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
