//! The copy of sim-service's inventory, which events, pages and questions fill.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use domain::{Iccid, OrganizationId};
use messages::pb::sim::{Member, Sim, SimConfigUpdated, SimDiscovered, SimMissing, SimStatusChanged};
use messages::{EventEnvelope, EventType};
use prost::Message;
use serde_json::{Value, json};
use sqlx::Row;
use test_support::eventually;
use uuid::Uuid;

use crate::fake_sims::FakeSims;
use crate::harness::TestApp;
use crate::records::{data, iccid, sms_mo};

const ORGANIZATION: Uuid = Uuid::from_u128(0x11);
const OTHER: Uuid = Uuid::from_u128(0x22);

fn member(sim: u32, organization: Uuid, revision: i64, tags: &[&str]) -> Member {
    Member {
        iccid: iccid(sim),
        account: "main".to_owned(),
        organization_id: organization.to_string(),
        revision,
        tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
        missing: false,
    }
}

fn discovered(member: Member) -> SimDiscovered {
    SimDiscovered {
        sim: Some(Sim {
            iccid: member.iccid,
            account: member.account,
            organization_id: member.organization_id,
            revision: member.revision,
            tags: member.tags,
            ..Sim::default()
        }),
        returned: false,
    }
}

/// Publishes an event about a SIM as sim-service does.
async fn announce(app: &TestApp, event: EventType, sim: u32, payload: &impl Message) {
    let iccid = Iccid::parse(&iccid(sim)).unwrap();
    let envelope = EventEnvelope {
        id: Uuid::now_v7(),
        event,
        source: "test",
        time: Utc::now(),
        iccid: Some(iccid),
        organization: Some(OrganizationId::DEFAULT),
    };
    let mut headers = async_nats::HeaderMap::new();
    for (name, value) in envelope.headers() {
        headers.insert(name, value.as_str());
    }
    let bus = &app.shared.bus;
    let subject = bus.subjects().event(event, Some(iccid));
    let stored = bus
        .jetstream()
        .publish_with_headers(subject, headers, payload.encode_to_vec().into())
        .await
        .unwrap();
    stored.await.unwrap();
}

/// Starts a daily job now.
async fn start_job(app: &TestApp, job: &str) {
    let bus = &app.shared.bus;
    let subject = bus.subjects().job(job);
    bus.jetstream()
        .publish(subject, "".into())
        .await
        .unwrap()
        .await
        .unwrap();
}

#[derive(Debug, PartialEq)]
struct Copy {
    organization: Option<Uuid>,
    revision: i64,
    tags: Vec<String>,
    missing: bool,
}

/// The row of a member as it is told.
fn copy_of(member: &Member) -> Copy {
    Copy {
        organization: Some(member.organization_id.parse().unwrap()),
        revision: member.revision,
        tags: member.tags.clone(),
        missing: member.missing,
    }
}

/// Waits until the row of a SIM is as expected.
async fn copied(app: &TestApp, sim: u32, expected: &Copy) {
    eventually("the copy is as told", || async {
        let row = sqlx::query("SELECT * FROM sims WHERE iccid = $1")
            .bind(iccid(sim).parse::<i64>()?)
            .fetch_one(&mut app.connection().await)
            .await?;
        let copy = Copy {
            organization: row.get("organization_id"),
            revision: row.get("revision"),
            tags: row.get("tags"),
            missing: row.get("missing"),
        };
        anyhow::ensure!(copy == *expected, "{copy:?} is not {expected:?}");
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn events_make_and_change_the_row_of_a_sim_and_an_older_word_changes_nothing() {
    let app = TestApp::start().await;
    let first = member(1, ORGANIZATION, 2, &["a"]);
    announce(&app, EventType::SimDiscovered, 1, &discovered(first.clone())).await;
    copied(&app, 1, &copy_of(&first)).await;

    let (iccid, organization_id) = (iccid(1), ORGANIZATION.to_string());
    let mut config = SimConfigUpdated {
        iccid: iccid.clone(),
        account: "main".to_owned(),
        organization_id: organization_id.clone(),
        revision: 3,
        changed_fields: vec!["tags".to_owned()],
        tags: vec!["b".to_owned(), "c".to_owned()],
        ..SimConfigUpdated::default()
    };
    announce(&app, EventType::SimConfigUpdated, 1, &config).await;
    let status = SimStatusChanged {
        iccid: iccid.clone(),
        account: "main".to_owned(),
        organization_id: organization_id.clone(),
        revision: 4,
        ..SimStatusChanged::default()
    };
    announce(&app, EventType::SimStatusChanged, 1, &status).await;
    config.revision = 2;
    config.tags.clear();
    announce(&app, EventType::SimConfigUpdated, 1, &config).await;
    let mut expected = copy_of(&member(1, ORGANIZATION, 4, &["b", "c"]));
    copied(&app, 1, &expected).await;

    let missing = SimMissing {
        iccid,
        account: "main".to_owned(),
        organization_id,
        revision: 5,
        ..SimMissing::default()
    };
    announce(&app, EventType::SimMissing, 1, &missing).await;
    (expected.revision, expected.missing) = (5, true);
    copied(&app, 1, &expected).await;

    announce(
        &app,
        EventType::SimDiscovered,
        1,
        &discovered(member(1, ORGANIZATION, 6, &["b"])),
    )
    .await;
    copied(&app, 1, &copy_of(&member(1, ORGANIZATION, 6, &["b"]))).await;
}

#[tokio::test]
async fn an_event_that_cannot_be_read_costs_no_other() {
    let app = TestApp::start().await;
    let mut strange = discovered(member(1, ORGANIZATION, 1, &[]));
    strange.sim.as_mut().unwrap().organization_id = "nobody".to_owned();
    announce(&app, EventType::SimDiscovered, 1, &strange).await;
    let good = member(2, ORGANIZATION, 1, &[]);
    announce(&app, EventType::SimDiscovered, 2, &discovered(good.clone())).await;
    copied(&app, 2, &copy_of(&good)).await;
}

#[tokio::test]
async fn the_whole_inventory_is_read_at_the_start_and_again_when_it_is_due() {
    let app = TestApp::start().await;
    let sims = FakeSims::start(&app.shared.bus).await;
    let mut gone = member(4, OTHER, 7, &[]);
    gone.missing = true;
    let told = [
        member(1, ORGANIZATION, 3, &["a"]),
        member(2, ORGANIZATION, 1, &[]),
        member(3, OTHER, 9, &["a", "b"]),
        gone,
        member(5, OTHER, 1, &[]),
    ];
    for member in &told {
        sims.put(member.clone());
    }
    // sim-service was not there when the service began.
    for (sim, member) in (1..).zip(&told) {
        copied(&app, sim, &copy_of(member)).await;
    }

    // An event that was lost, and one that is newer than the page.
    sims.put(member(1, ORGANIZATION, 5, &["z"]));
    announce(
        &app,
        EventType::SimDiscovered,
        2,
        &discovered(member(2, ORGANIZATION, 4, &["new"])),
    )
    .await;
    copied(&app, 2, &copy_of(&member(2, ORGANIZATION, 4, &["new"]))).await;
    start_job(&app, "usage.inventory-due").await;

    copied(&app, 1, &copy_of(&member(1, ORGANIZATION, 5, &["z"]))).await;
    copied(&app, 2, &copy_of(&member(2, ORGANIZATION, 4, &["new"]))).await;
}

type Sums = (i64, i64, i64, i64, i64);

fn sums(row: &sqlx::postgres::PgRow) -> Sums {
    (
        row.get("rx"),
        row.get("tx"),
        row.get("total"),
        row.get("sms_mo"),
        row.get("sms_mt"),
    )
}

/// The sums by organization and day: of the fleet, and of the days of its SIMs.
async fn both_books(app: &TestApp) -> [BTreeMap<(Uuid, String), Sums>; 2] {
    const SUMS: [&str; 2] = [
        "SELECT organization_id AS id, day::text, sum(rx)::bigint AS rx, sum(tx)::bigint AS tx,
                sum(total)::bigint AS total, sum(sms_mo)::bigint AS sms_mo, sum(sms_mt)::bigint AS sms_mt
         FROM fleet_usage_daily GROUP BY 1, 2",
        "SELECT coalesce(organization_id, '00000000-0000-0000-0000-000000000000') AS id, day::text,
                sum(used_rx)::bigint AS rx, sum(used_tx)::bigint AS tx, sum(used_total)::bigint AS total,
                sum(used_sms_mo)::bigint AS sms_mo, sum(used_sms_mt)::bigint AS sms_mt
         FROM sim_usage_daily JOIN sims USING (iccid) GROUP BY 1, 2",
    ];
    let mut books = [BTreeMap::new(), BTreeMap::new()];
    for (book, statement) in books.iter_mut().zip(SUMS) {
        let rows = sqlx::query(statement)
            .fetch_all(&mut app.connection().await)
            .await
            .unwrap();
        book.extend(
            rows.iter()
                .map(|row| ((row.get("id"), row.get("day")), sums(row))),
        );
        book.retain(|_, sums| *sums != Sums::default());
    }
    books
}

async fn merged(app: &TestApp, expected: i64) {
    eventually("the records are merged", || async {
        let count: i64 = sqlx::query_scalar("SELECT count(*) FROM sim_usage")
            .fetch_one(&mut app.connection().await)
            .await?;
        anyhow::ensure!(count == expected, "{count} records");
        Ok(())
    })
    .await;
}

async fn post(app: &TestApp, records: Vec<Value>) {
    let body = json!(records).to_string();
    assert_eq!(app.post("/datastreamer/v1/usage", body).await.0, 200);
}

fn days_ago(days: i64) -> DateTime<Utc> {
    Utc::now() - chrono::Duration::days(days)
}

#[tokio::test]
async fn the_sums_of_a_sim_move_to_its_organization_when_it_becomes_known() {
    let app = TestApp::start().await;
    let mut elsewhere = data(2, 1, days_ago(1), "0.5", "0.25");
    elsewhere["operator"]["id"] = json!(9);
    elsewhere["operator"]["country"]["mcc"] = json!("222");
    let records = vec![
        data(1, 1, days_ago(1), "0.2", "0.1"),
        elsewhere,
        sms_mo(3, 1, days_ago(2)),
        data(4, 2, days_ago(1), "1.5", "0.5"),
        data(5, 3, days_ago(1), "0.7", "0.3"),
    ];
    post(&app, records).await;
    merged(&app, 5).await;
    // A reading by API told more of the first SIM's day than the stream, as it is booked for a SIM that nobody knows.
    sqlx::raw_sql(sqlx::AssertSqlSafe(format!(
        "UPDATE sim_usage_daily SET api_rx = rx + 1000, api_tx = tx + 500000, api_total = total + 501000, api_sms_mo = 4,
             api_sms_mt = 0 WHERE iccid = {0} AND total > 0;
         INSERT INTO fleet_usage_daily SELECT day, '00000000-0000-0000-0000-000000000000', 0, 0, -1, 7, used_rx - rx,
             used_tx - tx, used_total - total, used_sms_mo - sms_mo, used_sms_mt - sms_mt
             FROM sim_usage_daily WHERE iccid = {0} AND data_by_api",
        iccid(1)
    )))
    .execute(&mut app.connection().await)
    .await
    .unwrap();
    let [fleet, days] = both_books(&app).await;
    assert_eq!(fleet, days);
    assert!(fleet.keys().all(|(organization, _)| organization.is_nil()));

    for (sim, organization) in [(1, ORGANIZATION), (2, OTHER), (3, ORGANIZATION)] {
        let found = discovered(member(sim, organization, 1, &[]));
        announce(&app, EventType::SimDiscovered, sim, &found).await;
    }

    for (sim, organization) in [(1, ORGANIZATION), (2, OTHER), (3, ORGANIZATION)] {
        copied(&app, sim, &copy_of(&member(sim, organization, 1, &[]))).await;
    }
    let [fleet, days] = both_books(&app).await;
    assert_eq!(fleet, days);
    assert!(
        fleet.keys().all(|(organization, _)| !organization.is_nil()),
        "{fleet:?}"
    );
    let abroad: i64 = sqlx::query_scalar(
        "SELECT sum(tx)::bigint FROM fleet_usage_daily WHERE organization_id = $1 AND mcc = 222 AND operator_id = 9",
    )
    .bind(ORGANIZATION)
    .fetch_one(&mut app.connection().await)
    .await
    .unwrap();
    assert_eq!(abroad, 524_288);
}

#[tokio::test]
async fn no_sum_is_lost_while_records_come_and_their_sims_become_known() {
    const SIMS: u32 = 60;
    let app = TestApp::start().await;
    let batch = |batch: i64| -> Vec<Value> {
        let records = (0..SIMS).map(|sim| data(batch * 100 + i64::from(sim), sim, days_ago(1), "0.2", "0.1"));
        records.collect()
    };
    post(&app, batch(0)).await;
    merged(&app, SIMS.into()).await;

    let records = async {
        for number in 1..10 {
            post(&app, batch(number)).await;
        }
    };
    let news = async {
        for sim in 0..SIMS {
            let organization = if sim % 2 == 0 { ORGANIZATION } else { OTHER };
            announce(
                &app,
                EventType::SimDiscovered,
                sim,
                &discovered(member(sim, organization, 1, &[])),
            )
            .await;
        }
    };
    tokio::join!(records, news);

    merged(&app, i64::from(SIMS) * 10).await;
    eventually("every SIM is known", || async {
        let unknown: i64 = sqlx::query_scalar("SELECT count(*) FROM sims WHERE organization_id IS NULL")
            .fetch_one(&mut app.connection().await)
            .await?;
        anyhow::ensure!(unknown == 0, "{unknown} are unknown");
        Ok(())
    })
    .await;
    let [fleet, days] = both_books(&app).await;
    assert_eq!(fleet, days);
    assert!(fleet.keys().all(|(organization, _)| !organization.is_nil()));
}

#[tokio::test]
async fn unknown_sims_are_asked_for_once_and_what_is_known_is_taken_over_at_once() {
    let app = TestApp::start().await;
    let sims = FakeSims::start(&app.shared.bus).await;
    let known = member(1, ORGANIZATION, 3, &["a"]);
    let findable = [(known.iccid.clone(), known.clone())];
    sims.state.lock().unwrap().findable = findable.into();
    let records = vec![
        data(1, 1, days_ago(1), "0.2", "0.1"),
        data(2, 2, days_ago(1), "0.2", "0.1"),
    ];
    post(&app, records).await;

    copied(&app, 1, &copy_of(&known)).await;

    eventually("one SIM stays unknown", || async {
        let text = app.shared.metrics.render();
        anyhow::ensure!(
            text.lines().any(|line| line == "simward_usage_sims_unknown 1"),
            "{text}"
        );
        Ok(())
    })
    .await;
    // Whoever comes next, a second replica for example, has nothing to ask for.
    let due: i64 =
        sqlx::query_scalar("SELECT count(*) FROM sims WHERE organization_id IS NULL AND asked_at IS NULL")
            .fetch_one(&mut app.connection().await)
            .await
            .unwrap();
    assert_eq!(due, 0);
    let mut wanted = sims.state.lock().unwrap().wanted.clone();
    wanted.sort();
    assert_eq!(wanted, [iccid(1), iccid(2)]);
    let [fleet, days] = both_books(&app).await;
    assert_eq!(fleet, days);
}

#[tokio::test]
async fn old_rejected_records_and_counts_of_arrivals_are_forgotten_daily() {
    let app = TestApp::start().await;
    sqlx::raw_sql(
        "INSERT INTO rejects (digest, raw, kind, reason, batch, received_at, last_received_at)
             SELECT sha256(n::text::bytea), '', 'usage', 'none', 1, now() - interval '1 year',
                    now() - make_interval(days => 89 + 2 * (n % 2)) FROM generate_series(1, 6) AS n;
         INSERT INTO ingest_hours SELECT date_trunc('hour', now()) - make_interval(days => 39 + 2 * (n % 2)), 'usage', n,
                    1, 1, 0, 0, now() FROM generate_series(1, 8) AS n",
    )
    .execute(&mut app.connection().await)
    .await
    .unwrap();

    start_job(&app, "usage.storage-due").await;

    eventually("the old rows are gone", || async {
        let left: (i64, i64) =
            sqlx::query_as("SELECT (SELECT count(*) FROM rejects), (SELECT count(*) FROM ingest_hours)")
                .fetch_one(&mut app.connection().await)
                .await?;
        anyhow::ensure!(left == (3, 4), "{left:?} are left");
        Ok(())
    })
    .await;
}
