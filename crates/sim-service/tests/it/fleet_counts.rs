//! Counts of the fleet by state, which triggers keep.

use std::collections::BTreeMap;

use domain::{OrganizationId, Scope};
use messages::pb::sim::{FleetCountsRequest, FleetCountsResponse, UpdateSimRequest};
use messages::sim_rpc;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use sqlx::{AssertSqlSafe, PgConnection, Row};

use crate::harness::TestApp;

const OTHER: &str = "00000000-0000-0000-0000-0000000000ee";

fn of(organization: &str) -> Scope {
    Scope::Organization(OrganizationId(organization.parse().unwrap()))
}

async fn counts(app: &TestApp, scope: Scope) -> FleetCountsResponse {
    let scope = Some(scope.into());
    app.call::<sim_rpc::FleetCounts>(FleetCountsRequest { scope })
        .await
        .unwrap()
}

/// SIMs by status.
fn by_status(answer: &FleetCountsResponse) -> BTreeMap<&str, u64> {
    let mut sums = BTreeMap::new();
    for count in &answer.counts {
        *sums.entry(count.status.as_str()).or_default() += count.sims;
    }
    sums
}

async fn run(connection: &mut PgConnection, statement: &str) {
    sqlx::raw_sql(AssertSqlSafe(statement.to_owned()))
        .execute(connection)
        .await
        .unwrap();
}

#[tokio::test]
async fn an_organization_is_told_its_own_numbers_and_the_platform_all() {
    let app = TestApp::start(12).await;
    app.sync().await;
    let fleet = app.all().await;
    let owner = fleet[0].organization_id.clone();
    for sim in &fleet[..2] {
        let request = UpdateSimRequest {
            iccid: sim.iccid.clone(),
            status: Some("Disabled".to_owned()),
            ..Default::default()
        };
        app.update(request).await.unwrap();
    }
    let before = by_status(&counts(&app, Scope::All).await).get("Enabled").copied();
    let mut db = app.scope.connection().await;
    let moved = format!(
        "UPDATE sim.sims SET organization_id = '{OTHER}' WHERE iccid IN ({}, {});
         UPDATE sim.sims SET data_status = 2, sms_status = 1 WHERE iccid = {}",
        fleet[0].iccid, fleet[4].iccid, fleet[4].iccid
    );
    run(&mut db, &moved).await;

    let (all, first, second) = (
        counts(&app, Scope::All).await,
        counts(&app, of(&owner)).await,
        counts(&app, of(OTHER)).await,
    );

    assert_eq!(by_status(&all).values().sum::<u64>(), 12);
    assert_eq!(by_status(&all).get("Enabled").copied(), before);
    assert_eq!(by_status(&first).values().sum::<u64>(), 10);
    assert_eq!(by_status(&second).values().sum::<u64>(), 2);
    assert_eq!(by_status(&second).get("Disabled"), Some(&1));
    let exhausted = second.counts.iter().find(|count| count.data_quota == "exhausted");
    assert_eq!(exhausted.unwrap().sms_quota, "low");
    assert_eq!(all.accounts.len(), 1);
    assert!(all.accounts[0].last_complete_at.is_some() && all.oldest_synced_at.is_none());
    assert!(first.accounts.is_empty() && second.accounts.is_empty());
}

#[tokio::test]
async fn the_oldest_and_the_newest_reading_are_those_of_the_sims_themselves() {
    let app = TestApp::start(5).await;
    app.sync().await;
    let fleet = app.all().await;
    let mut db = app.scope.connection().await;
    // One that no sweep could judge is as old as its own reading; a missing one does not count.
    let aged = format!(
        "UPDATE sim.sims SET unjudged = true, read_at = now() - interval '3 days' WHERE iccid = {};
         UPDATE sim.sims SET missing_since = now(), read_at = now() - interval '9 days' WHERE iccid = {}",
        fleet[1].iccid, fleet[2].iccid
    );
    run(&mut db, &aged).await;
    app.get(&fleet[3].iccid, true).await.unwrap();
    let mut synced: Vec<_> = app.all().await.iter().map(|sim| sim.last_synced_at).collect();
    synced.sort_by_key(|at| at.and_then(messages::Timestamp::to_utc));

    let told = counts(&app, of(&fleet[0].organization_id)).await;

    assert_eq!(synced.len(), 4);
    assert_eq!(told.oldest_synced_at, synced[0]);
    assert_eq!(told.newest_synced_at, synced[3]);
}

/// One statement on some of the SIMs.
#[derive(Debug, Clone)]
enum Step {
    Add(u8),
    Status(u8, u8),
    Quota(u8, Option<u8>, Option<u8>),
    Miss(u8),
    Return(u8),
    Move(u8, u8),
    /// No count changes.
    Label(u8),
}

fn step() -> impl Strategy<Value = Step> {
    let quota = || proptest::option::of(0..4u8);
    prop_oneof![
        (1..9u8).prop_map(Step::Add),
        (0..5u8, 0..4u8).prop_map(|(sims, status)| Step::Status(sims, status)),
        (0..5u8, quota(), quota()).prop_map(|(sims, data, sms)| Step::Quota(sims, data, sms)),
        (0..5u8).prop_map(Step::Miss),
        (0..5u8).prop_map(Step::Return),
        (0..5u8, 1..4u8).prop_map(|(sims, organization)| Step::Move(sims, organization)),
        (0..5u8).prop_map(Step::Label),
    ]
}

fn statement(step: &Step) -> String {
    let told = |quota: &Option<u8>| quota.map_or("NULL".to_owned(), |id| id.to_string());
    let (change, sims) = match step {
        Step::Add(sims) => {
            return format!(
                "INSERT INTO sim.sims (iccid, account, organization_id, revision, status, provider_status, data_status,
                                       read_at)
                 SELECT (SELECT coalesce(max(iccid), 8988280666000000000) FROM sim.sims) + n, 'main', '{OTHER}', 1, 0, 'Enabled', n % 3, now()
                 FROM generate_series(1, {sims}) AS n"
            );
        }
        Step::Status(sims, status) => (format!("status = {status}"), sims),
        Step::Quota(sims, data, sms) => (
            format!("data_status = {}, sms_status = {}", told(data), told(sms)),
            sims,
        ),
        Step::Miss(sims) => ("missing_since = now()".to_owned(), sims),
        Step::Return(sims) => ("missing_since = NULL".to_owned(), sims),
        Step::Move(sims, to) => (
            format!("organization_id = '00000000-0000-0000-0000-00000000000{to}'"),
            sims,
        ),
        Step::Label(sims) => ("label = 'pump', revision = revision + 1".to_owned(), sims),
    };
    // In the order of the ICCIDs, so that two connections do not wait for each other.
    format!(
        "WITH held AS (SELECT iccid FROM sim.sims WHERE iccid % 5 = {sims} ORDER BY iccid FOR UPDATE)
         UPDATE sim.sims SET {change} FROM held WHERE sims.iccid = held.iccid"
    )
}

type Books = Vec<(uuid::Uuid, i16, i32, i32, i64)>;

async fn books(db: &mut PgConnection, statement: &'static str) -> Books {
    let rows = sqlx::query(statement).fetch_all(db).await.unwrap();
    rows.iter()
        .map(|row| (row.get(0), row.get(1), row.get(2), row.get(3), row.get(4)))
        .collect()
}

async fn play(app: &TestApp, steps: &[Step]) {
    let mut db = app.scope.connection().await;
    for step in steps {
        run(&mut db, &statement(step)).await;
    }
}

#[test]
fn the_counts_equal_a_full_count_after_any_changes_by_three_at_once() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let app = runtime.block_on(TestApp::start(0));
    let config = Config {
        cases: 24,
        failure_persistence: None,
        max_shrink_iters: 60,
        ..Config::default()
    };
    let work = || proptest::collection::vec(step(), 1..10);
    let outcome = TestRunner::new(config).run(&(work(), work(), work()), |(a, b, c)| {
        let (counted, held) = runtime.block_on(async {
            let mut db = app.scope.connection().await;
            play(&app, &[Step::Add(8)]).await;
            let adds = |steps: &[Step]| steps.iter().filter(|step| !matches!(step, Step::Add(_))).cloned().collect();
            let (b, c): (Vec<_>, Vec<_>) = (adds(&b), adds(&c));
            tokio::join!(play(&app, &a), play(&app, &b), play(&app, &c));
            let full = "SELECT organization_id, list_status, coalesce(data_status, -1), coalesce(sms_status, -1), count(*)
                        FROM sim.sims GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4";
            let kept = "SELECT organization_id, list_status, data_status, sms_status, sum(sims)::bigint
                        FROM sim.fleet_counts GROUP BY 1, 2, 3, 4 HAVING sum(sims) <> 0 ORDER BY 1, 2, 3, 4";
            // Both change in one transaction, so they are equal in every snapshot.
            run(&mut db, "BEGIN ISOLATION LEVEL REPEATABLE READ").await;
            let both = (books(&mut db, full).await, books(&mut db, kept).await);
            run(&mut db, "COMMIT").await;
            both
        });
        prop_assert!(!counted.is_empty());
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
