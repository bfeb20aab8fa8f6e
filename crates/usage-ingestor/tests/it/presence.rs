//! Where SIMs are, as far as events tell, and how many are where.

use std::collections::BTreeMap;

use chrono::{DateTime, Datelike, Duration, NaiveDate, SecondsFormat, Utc};
use domain::{OrganizationId, Scope};
use messages::pb::usage::{FleetNowRequest, FleetNowResponse};
use messages::{EventType, usage_rpc};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, PgConnection, Row};
use test_support::eventually;

use crate::harness::TestApp;
use crate::records::iccid;
use crate::sim_words::{ORGANIZATION, OTHER, announce, copied, copy_of, discovered, member};

const CREATE: i64 = 3;
const UPDATE: i64 = 4;
const DELETE: i64 = 5;

/// An event of a data session in a country.
fn session(id: i64, sim: u32, kind: i64, at: DateTime<Utc>, (mcc, country): (&str, &str), rat: u32) -> Value {
    json!({
        "id": id, "timestamp": at.to_rfc3339_opts(SecondsFormat::Millis, true),
        "event_type": { "id": kind, "description": "PDP Context" }, "event_severity": { "id": 0, "description": "INFO" },
        "event_source": { "id": 0, "description": "Network" }, "organisation": { "id": 42, "name": "99000001" },
        "alert": false, "description": "made-up text", "user": null,
        "imsi": { "id": 17, "imsi": "901409000000017" }, "sim": { "id": 17, "iccid": iccid(sim) },
        "endpoint": { "id": 1017, "name": iccid(sim), "imei": "" },
        "detail": {
            "id": mcc.parse::<u32>().unwrap(), "name": "Example Mobile", "mnc": [{ "id": 1, "mnc": "01" }],
            "country": { "id": 74, "name": country, "mcc": mcc },
            "pdp_context": { "pdp_context_id": 5001, "mcc": mcc, "mnc": "01", "rat_type": rat },
        },
    })
}

const GERMANY: (&str, &str) = ("262", "Germany");
const ITALY: (&str, &str) = ("222", "Italy");

async fn post(app: &TestApp, events: &[Value]) {
    let body = json!(events).to_string();
    assert_eq!(app.post("/datastreamer/v1/events", body).await.0, 200);
}

async fn merged(app: &TestApp, expected: i64) {
    eventually("the events are merged", || async {
        let count: i64 = sqlx::query_scalar("SELECT count(*) FROM sim_events")
            .fetch_one(&mut app.connection().await)
            .await?;
        anyhow::ensure!(count == expected, "{count} events");
        Ok(())
    })
    .await;
}

fn of(organization: &str) -> Scope {
    Scope::Organization(OrganizationId(organization.parse().unwrap()))
}

async fn fleet_now(app: &TestApp, scope: Scope) -> FleetNowResponse {
    let scope = Some(scope.into());
    app.call::<usage_rpc::FleetNow>(FleetNowRequest { scope })
        .await
        .unwrap()
}

/// SIMs by session, country and RAT.
fn places(now: &FleetNowResponse) -> Vec<(Option<bool>, &str, u32, u64)> {
    let place = |count: &messages::pb::usage::PresenceCount| (count.online, count.rat, count.sims);
    now.presence
        .iter()
        .map(|count| {
            let (online, rat, sims) = place(count);
            (online, count.country.as_str(), rat, sims)
        })
        .collect()
}

#[tokio::test]
async fn the_newest_event_counts_however_late_and_often_older_ones_come() {
    let app = TestApp::start().await;
    let now = Utc::now();
    let ago = |minutes| now - Duration::minutes(minutes);
    let history = [
        session(1, 1, CREATE, ago(60), GERMANY, 6),
        session(2, 1, UPDATE, ago(40), GERMANY, 8),
        session(3, 1, DELETE, ago(30), GERMANY, 8),
        session(4, 1, CREATE, ago(20), ITALY, 6),
        session(5, 2, CREATE, ago(50), GERMANY, 6),
        session(6, 2, DELETE, ago(10), GERMANY, 6),
    ];
    let mut stored = 0;
    // The newest ones first, each alone, and then everything again.
    for event in history.iter().rev() {
        post(&app, std::slice::from_ref(event)).await;
        stored += 1;
        merged(&app, stored).await;
    }
    post(&app, &history).await;
    let refused = session(7, 3, CREATE, ago(5), ITALY, 6);
    let refused = {
        let mut refused = refused;
        refused["alert"] = json!(true);
        refused
    };
    post(&app, &[refused]).await;
    merged(&app, 7).await;

    let told = fleet_now(&app, Scope::All).await;

    let expected = [
        (None, "Italy", 6, 1),
        (Some(false), "Germany", 6, 1),
        (Some(true), "Italy", 6, 1),
    ];
    assert_eq!(places(&told), expected);
}

#[tokio::test]
async fn a_sim_takes_its_count_along_when_it_moves_and_leaves_it_when_it_is_missing() {
    let app = TestApp::start().await;
    post(&app, &[session(1, 1, CREATE, Utc::now(), GERMANY, 6)]).await;
    merged(&app, 1).await;
    let (first, second) = (ORGANIZATION.to_string(), OTHER.to_string());
    // Nobody knows it yet.
    assert_eq!(places(&fleet_now(&app, Scope::All).await).len(), 1);
    assert_eq!(places(&fleet_now(&app, of(&first)).await), []);

    let known = member(1, ORGANIZATION, 1, &[]);
    announce(&app, EventType::SimDiscovered, 1, &discovered(known.clone())).await;
    copied(&app, 1, &copy_of(&known)).await;
    assert_eq!(
        places(&fleet_now(&app, of(&first)).await),
        [(Some(true), "Germany", 6, 1)]
    );

    let moved = member(1, OTHER, 2, &[]);
    announce(&app, EventType::SimDiscovered, 1, &discovered(moved.clone())).await;
    copied(&app, 1, &copy_of(&moved)).await;
    assert_eq!(places(&fleet_now(&app, of(&first)).await), []);
    assert_eq!(
        places(&fleet_now(&app, of(&second)).await),
        [(Some(true), "Germany", 6, 1)]
    );

    sqlx::query("UPDATE sims SET missing = true")
        .execute(&mut app.connection().await)
        .await
        .unwrap();
    assert_eq!(places(&fleet_now(&app, Scope::All).await), []);
}

#[tokio::test]
async fn today_and_this_month_are_sums_of_utc_days_in_the_scope() {
    let app = TestApp::start().await;
    let statement = format!(
        "INSERT INTO fleet_usage_daily
         SELECT day, organization_id::uuid, 262, 1, 6, 0, 1, 2, 3, 4, 5
         FROM (VALUES ('{ORGANIZATION}'), ('{OTHER}')) AS tenant (organization_id),
              (SELECT generate_series(date_trunc('month', now() AT TIME ZONE 'UTC') - interval '1 day',
                                      now() AT TIME ZONE 'UTC' + interval '1 day', '1 day')::date) AS days (day)"
    );
    let mut db = app.connection().await;
    run(&mut db, &statement).await;

    let (all, one) = (
        fleet_now(&app, Scope::All).await,
        fleet_now(&app, of(&ORGANIZATION.to_string())).await,
    );

    // Each answer says by itself what today is.
    let today = |now: &FleetNowResponse| now.as_of.unwrap().to_utc().unwrap().date_naive();
    let days = |day: NaiveDate| u64::from(day.day());
    let (all_days, today) = (days(today(&all)), today(&one));
    let days = days(today);
    let (sum, month) = (one.today.unwrap(), one.month.unwrap());
    assert_eq!(
        (sum.key, sum.total, sum.sms_mo, sum.sms_mt),
        (today.to_string(), 3, 4, 5)
    );
    assert_eq!((month.rx, month.tx, month.total), (days, 2 * days, 3 * days));
    assert_eq!(all.month.unwrap().total, 6 * all_days);
}

async fn run(connection: &mut PgConnection, statement: &str) {
    sqlx::raw_sql(AssertSqlSafe(statement.to_owned()))
        .execute(connection)
        .await
        .unwrap();
}

/// One statement on a fifth of the SIMs.
fn statement() -> impl Strategy<Value = String> {
    let held = |table: &str, set: String, sims: u8| {
        format!(
            "WITH held AS (SELECT iccid FROM {table} WHERE iccid % 5 = {sims} ORDER BY iccid FOR UPDATE)
             UPDATE {table} SET {set} FROM held WHERE {table}.iccid = held.iccid"
        )
    };
    prop_oneof![
        (0..5u8, 1..4u8).prop_map(move |(sims, organization)| {
            let set = format!("organization_id = '00000000-0000-0000-0000-00000000000{organization}'");
            held("sims", set, sims)
        }),
        (0..5u8, any::<bool>()).prop_map(move |(sims, missing)| held(
            "sims",
            format!("missing = {missing}"),
            sims
        )),
        (0..5u8, 0..3u8).prop_map(move |(sims, revision)| held(
            "sims",
            format!("revision = {revision}"),
            sims
        )),
        (0..5u8, -1..2i8, 0..3u8).prop_map(move |(sims, online, rat)| {
            held(
                "sim_presence",
                format!("online = {online}, rat = {rat}, mcc = 262"),
                sims,
            )
        }),
    ]
}

async fn books(db: &mut PgConnection, statement: &'static str) -> BTreeMap<(uuid::Uuid, i16, i16, i16), i64> {
    let rows = sqlx::query(statement).fetch_all(db).await.unwrap();
    rows.iter()
        .map(|row| ((row.get(0), row.get(1), row.get(2), row.get(3)), row.get(4)))
        .collect()
}

async fn play(app: &TestApp, statements: &[String]) {
    let mut db = app.connection().await;
    for statement in statements {
        run(&mut db, statement).await;
    }
}

#[test]
fn the_counts_equal_a_full_count_after_any_changes_by_three_at_once() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let app = runtime.block_on(TestApp::start());
    let config = Config {
        cases: 24,
        failure_persistence: None,
        max_shrink_iters: 60,
        ..Config::default()
    };
    let work = || proptest::collection::vec(statement(), 1..10);
    let mut next = 0;
    let mut added = move || {
        next += 7;
        format!(
            "INSERT INTO sims (iccid) SELECT 8988280666000000000 + n FROM generate_series({}, {next}) AS n",
            next - 6
        )
    };
    let added = std::cell::RefCell::new(&mut added);
    let outcome = TestRunner::new(config).run(&(work(), work(), work()), |(a, b, c)| {
        let add = (*added.borrow_mut())();
        let (counted, held) = runtime.block_on(async {
            let mut db = app.connection().await;
            run(&mut db, &add).await;
            tokio::join!(play(&app, &a), play(&app, &b), play(&app, &c));
            let full = "SELECT coalesce(sims.organization_id, '00000000-0000-0000-0000-000000000000'), online, mcc, rat, count(*)
                        FROM sim_presence JOIN sims USING (iccid) WHERE NOT sims.missing GROUP BY 1, 2, 3, 4";
            let kept = "SELECT organization_id, online, mcc, rat, sum(sims)::bigint FROM presence_counts
                        GROUP BY 1, 2, 3, 4 HAVING sum(sims) <> 0";
            (books(&mut db, full).await, books(&mut db, kept).await)
        });
        if counted == held {
            Ok(())
        } else {
            Err(TestCaseError::fail(format!("{held:?}\nis not\n{counted:?}")))
        }
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}
