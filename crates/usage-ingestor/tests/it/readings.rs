use std::collections::BTreeMap;

use chrono::{Days, NaiveDate, Utc};
use domain::OrganizationId;
use messages::pb::usage::StartUsageSyncRequest;
use messages::usage_rpc::StartUsageSync;
use once_emulator::{CallFilter, EmulatorConfig};
use serde_json::json;
use sqlx::{PgConnection, Row};
use test_support::eventually;
use uuid::Uuid;

use crate::harness::TestApp;
use crate::records::data;

/// Makes the emulator's SIMs known, as sim-service's announcements do; answers their ICCIDs.
pub async fn know_fleet(app: &TestApp, organization: Uuid) -> Vec<i64> {
    let sims = app.control().sims().await.expect("the fleet");
    let iccids: Vec<i64> = sims
        .iter()
        .map(|sim| sim.iccid.parse().expect("digits"))
        .collect();
    sqlx::query(
        "INSERT INTO sims (iccid, organization_id, account, revision) SELECT unnest($1::bigint[]), $2, 'main', 1
         ON CONFLICT (iccid) DO UPDATE SET organization_id = excluded.organization_id, account = 'main', revision = 1",
    )
    .bind(&iccids)
    .bind(organization)
    .execute(&mut app.connection().await)
    .await
    .expect("sims");
    iccids
}

pub async fn read(app: &TestApp, sims: usize) {
    eventually("every SIM was read", || async {
        let read: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM sync_state WHERE last_read_at IS NOT NULL AND priority = 3",
        )
        .fetch_one(&mut app.connection().await)
        .await?;
        anyhow::ensure!(read as usize == sims, "{read} of {sims}");
        Ok(())
    })
    .await;
}

/// The fleet's sums by day and the days' own sums, which must be the same.
async fn assert_balanced(db: &mut PgConnection) {
    let sums = |statement: &'static str| sqlx::query(statement);
    let mut books = Vec::new();
    for statement in [
        "SELECT day, sum(used_total)::bigint, sum(used_sms_mo)::bigint, sum(used_sms_mt)::bigint, sum(used_rx)::bigint
         FROM sim_usage_daily GROUP BY day HAVING sum(used_total + used_sms_mo + used_sms_mt) > 0",
        "SELECT day, sum(total)::bigint, sum(sms_mo)::bigint, sum(sms_mt)::bigint, sum(rx)::bigint
         FROM fleet_usage_daily GROUP BY day HAVING sum(total + sms_mo + sms_mt) > 0",
    ] {
        let rows = sums(statement).fetch_all(&mut *db).await.expect("sums");
        let days: BTreeMap<NaiveDate, [i64; 4]> = rows
            .iter()
            .map(|row| (row.get(0), [row.get(1), row.get(2), row.get(3), row.get(4)]))
            .collect();
        books.push(days);
    }
    assert!(!books[0].is_empty());
    assert_eq!(books[0], books[1]);
}

#[tokio::test]
async fn a_sim_that_becomes_known_gets_its_history_by_one_call() {
    // Without v2 nothing is read a second time to be compared.
    let emulator = EmulatorConfig::default().with_fleet(20).without_limits();
    let emulator = emulator.with_settings(|settings| settings.v2 = once_emulator::Generation::Retired);
    let app = TestApp::start_with(emulator, &[]).await;
    let mut db = app.connection().await;
    // Never, not even between two writes, is a reading free to be taken that was stored and is still due.
    sqlx::query(
        "ALTER TABLE sync_state ADD CONSTRAINT read_once
         CHECK (taken_until IS NOT NULL OR last_read_at IS NULL OR due_at > last_read_at)",
    )
    .execute(&mut db)
    .await
    .unwrap();

    let iccids = know_fleet(&app, Uuid::from_u128(7)).await;
    read(&app, iccids.len()).await;

    let stored: i64 = sqlx::query_scalar(
        "SELECT sum(used_total)::bigint FROM sim_usage_daily WHERE data_by_api AND total = 0",
    )
    .fetch_one(&mut db)
    .await
    .unwrap();
    assert!(stored > 0);
    assert_balanced(&mut db).await;
    let organizations: Vec<Uuid> =
        sqlx::query_scalar("SELECT DISTINCT organization_id FROM fleet_usage_daily")
            .fetch_all(&mut db)
            .await
            .unwrap();
    assert_eq!(organizations, [Uuid::from_u128(7)]);
    let calls = app.control().calls(&CallFilter::default()).await.unwrap();
    let usage = calls.iter().filter(|call| call.path.ends_with("/usage")).count();
    assert_eq!(usage, iccids.len(), "one call a SIM");
}

#[tokio::test]
async fn what_the_stream_missed_comes_from_the_api_and_what_it_brings_later_takes_its_place() {
    let app = TestApp::start().await;
    let iccids = know_fleet(&app, Uuid::from_u128(7)).await;
    read(&app, iccids.len()).await;
    let mut db = app.connection().await;
    // A closed day of one SIM on which the API told use.
    let row = sqlx::query(
        "SELECT iccid, day, api_total, api_tx, api_rx FROM sim_usage_daily
         WHERE api_total > 100000 AND day < (now() AT TIME ZONE 'UTC')::date ORDER BY day DESC, iccid LIMIT 1",
    )
    .fetch_one(&mut db)
    .await
    .unwrap();
    let (iccid, day, told): (i64, NaiveDate, i64) = (row.get(0), row.get(1), row.get(2));
    let noon = day.and_hms_opt(12, 0, 0).unwrap().and_utc();
    let mb = |bytes: i64| format!("{}", bytes as f64 / 1_048_576.0);
    let mut record = data(1, 1, noon, &mb(row.get("api_tx")), &mb(row.get("api_rx")));
    record["sim"]["iccid"] = json!(iccid.to_string());
    let mut half = data(2, 1, noon, "0.0001", "0");
    half["sim"]["iccid"] = json!(iccid.to_string());

    // A small part of the day comes by stream first: the API's number stays the day's.
    assert_eq!(
        app.post("/datastreamer/v1/usage", json!([half]).to_string())
            .await
            .0,
        200
    );
    let by_api = |expected: bool| {
        let app = &app;
        async move {
            eventually("the day is booked", || async {
                let row = sqlx::query("SELECT data_by_api, used_total, differs, data_records FROM sim_usage_daily WHERE iccid = $1 AND day = $2")
                    .bind(iccid)
                    .bind(day)
                    .fetch_one(&mut app.connection().await)
                    .await?;
                let records: i32 = row.get("data_records");
                anyhow::ensure!(records == if expected { 1 } else { 2 }, "{records} records");
                anyhow::ensure!(row.get::<bool, _>(0) == expected);
                Ok((row.get::<i64, _>(1), row.get::<bool, _>(2)))
            })
            .await
        }
    };
    assert_eq!(by_api(true).await, (told, true));
    assert_balanced(&mut db).await;

    // Then the rest: the stream's own bytes are the day's.
    assert_eq!(
        app.post("/datastreamer/v1/usage", json!([record]).to_string())
            .await
            .0,
        200
    );
    let (used, _) = by_api(false).await;
    assert!((used - told - 105).abs() <= 2, "{used} and {told}");
    assert_balanced(&mut db).await;
}

#[tokio::test]
async fn a_person_who_asks_goes_first_and_only_for_sims_in_scope() {
    let app = TestApp::start().await;
    let iccids = know_fleet(&app, Uuid::from_u128(7)).await;
    read(&app, iccids.len()).await;
    app.control().reset_calls().await.unwrap();
    let from = Utc::now().date_naive() - Days::new(90);
    let ask = |organization: Uuid, iccid: String| StartUsageSyncRequest {
        scope: Some(domain::Scope::Organization(OrganizationId(organization)).into()),
        iccid,
        start_date: from.to_string(),
        ..StartUsageSyncRequest::default()
    };

    let foreign = app
        .call::<StartUsageSync>(ask(Uuid::from_u128(8), iccids[3].to_string()))
        .await;
    let own = app
        .call::<StartUsageSync>(ask(Uuid::from_u128(7), iccids[3].to_string()))
        .await;

    assert!(foreign.is_err());
    assert_eq!(own.unwrap().sims_queued, 1);
    eventually("it was read from the day on that was asked for", || async {
        let calls = app.control().calls(&CallFilter::default()).await?;
        let call = calls
            .iter()
            .find(|call| call.path.contains(&iccids[3].to_string()));
        let call = call.ok_or_else(|| anyhow::anyhow!("no call"))?;
        anyhow::ensure!(call.query.contains(&from.to_string()), "{}", call.query);
        Ok(())
    })
    .await;
    let whole = app
        .call::<StartUsageSync>(StartUsageSyncRequest {
            scope: Some(domain::Scope::All.into()),
            ..StartUsageSyncRequest::default()
        })
        .await;
    assert_eq!(whole.unwrap().sims_queued, iccids.len() as u64);
}

#[tokio::test]
async fn where_1nce_offers_no_usage_the_readings_pause_and_say_so() {
    let emulator = EmulatorConfig::default()
        .with_fleet(20)
        .without_limits()
        .with_settings(|settings| {
            settings.v1 = once_emulator::Generation::Retired;
            settings.v2_usage = false;
        });
    let app = TestApp::start_with(emulator, &[("readings_in_flight", "1")]).await;

    know_fleet(&app, Uuid::from_u128(7)).await;

    let text = eventually("it is counted", || async {
        let text = app.shared.metrics.render();
        anyhow::ensure!(
            text.contains("simward_usage_readings_total{outcome=\"unavailable\"} 1"),
            "{text}"
        );
        Ok(text)
    })
    .await;
    assert!(!text.contains("outcome=\"read\""));
}
