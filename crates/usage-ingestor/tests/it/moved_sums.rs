//! The fleet's sums of SIMs that send records before anybody knows whose they are.

use std::collections::BTreeMap;

use messages::EventType;
use serde_json::{Value, json};
use sqlx::Row;
use test_support::eventually;
use uuid::Uuid;

use crate::harness::TestApp;
use crate::records::{data, days_ago, iccid, post, sms_mo};
use crate::sim_words::{ORGANIZATION, OTHER, announce, copied, copy_of, discovered, member};

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
pub async fn both_books(app: &TestApp) -> [BTreeMap<(Uuid, String), Sums>; 2] {
    const SUMS: [&str; 2] = [
        "SELECT organization_id AS id, day::text, sum(rx)::bigint AS rx, sum(tx)::bigint AS tx,
                sum(total)::bigint AS total, sum(sms_mo)::bigint AS sms_mo, sum(sms_mt)::bigint AS sms_mt
         FROM fleet_usage_daily GROUP BY 1, 2",
        "SELECT coalesce(organization_id, '00000000-0000-0000-0000-000000000000') AS id, day::text,
                sum(used_rx)::bigint AS rx, sum(used_tx)::bigint AS tx, sum(used_total)::bigint AS total,
                sum(used_sms_mo)::bigint AS sms_mo, sum(used_sms_mt)::bigint AS sms_mt
         FROM sim_usage_daily JOIN sims USING (iccid) GROUP BY 1, 2",
    ];
    // Both as they are at one moment: the readings by API book meanwhile.
    let mut connection = app.connection().await;
    let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ";
    sqlx::raw_sql(begin).execute(&mut connection).await.unwrap();
    let mut books = [BTreeMap::new(), BTreeMap::new()];
    for (book, statement) in books.iter_mut().zip(SUMS) {
        let rows = sqlx::query(statement).fetch_all(&mut connection).await.unwrap();
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
