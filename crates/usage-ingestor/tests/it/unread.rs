use chrono::{Days, NaiveDate, Utc};
use messages::pb::usage::{
    ApiReadings, IngestStatusRequest, IngestStatusResponse, ListRejectsRequest, Reject, ReplayRejectsRequest,
};
use messages::usage_rpc;
use once_emulator::EmulatorConfig;
use sqlx::Row;
use test_support::eventually;

use crate::harness::TestApp;
use crate::told_api::ToldApi;

const ICCID: &str = "8988999000000000017";

pub async fn status(app: &TestApp) -> anyhow::Result<(IngestStatusResponse, ApiReadings)> {
    let status = app
        .call::<usage_rpc::IngestStatus>(IngestStatusRequest {})
        .await?;
    let readings = status.api_readings.clone().unwrap_or_default();
    Ok((status, readings))
}

pub async fn rejects(app: &TestApp) -> Vec<Reject> {
    let request = ListRejectsRequest {
        page_size: 100,
        ..ListRejectsRequest::default()
    };
    app.call::<usage_rpc::ListRejects>(request).await.unwrap().rejects
}

/// Reads from what the test tells.
pub async fn start(api: &ToldApi) -> TestApp {
    let url: &'static str = api.base_url.clone().leak();
    let emulator = EmulatorConfig::default().with_fleet(1);
    TestApp::start_with(
        emulator,
        &[("ONCE_API_BASE_URL", url), ("readings_in_flight", "1")],
    )
    .await
}

pub async fn know(app: &TestApp) {
    sqlx::query("INSERT INTO sims (iccid, organization_id, account, revision) VALUES ($1, $2, 'main', 1)")
        .bind(ICCID.parse::<i64>().unwrap())
        .bind(uuid::Uuid::from_u128(7))
        .execute(&mut app.connection().await)
        .await
        .unwrap();
}

/// How often the SIM's reading failed, and through which day it was compared.
async fn attempts(app: &TestApp) -> (i32, Option<NaiveDate>) {
    let row = sqlx::query("SELECT attempts, checked_through FROM sync_state")
        .fetch_one(&mut app.connection().await)
        .await
        .unwrap();
    (row.get(0), row.get(1))
}

async fn failed(app: &TestApp, times: i32) -> ApiReadings {
    eventually("the reading has failed", || async {
        let (attempts, through) = attempts(app).await;
        anyhow::ensure!(attempts == times, "{attempts} attempts");
        anyhow::ensure!(through.is_none(), "compared through {through:?}");
        Ok(status(app).await?.1)
    })
    .await
}

async fn read_again(app: &TestApp) {
    app.call::<usage_rpc::ReplayRejects>(ReplayRejectsRequest::default())
        .await
        .unwrap();
}

#[tokio::test]
async fn a_row_that_cannot_be_read_makes_a_failed_reading_until_the_sim_is_read_as_a_whole() {
    let api = ToldApi::start().await;
    let yesterday = Utc::now().date_naive() - Days::new(1);
    let good =
        format!(r#"{{"date":"{yesterday}","data":{{"volume":"1","volume_tx":"0.5","volume_rx":"0.5"}}}}"#);
    let bad = r#"{"date":"quis","data":{"volume":"tempor ipsum"}}"#;
    api.tell(&format!(r#"{{"stats":[{good},{bad}]}}"#), None);
    let app = start(&api).await;
    know(&app).await;

    let readings = failed(&app, 1).await;

    assert_eq!((readings.read_last_day, readings.failed_last_day), (0, 1));
    assert!(
        readings.last_error.starts_with("1 of 2 rows cannot be read"),
        "{}",
        readings.last_error
    );
    assert!(readings.available);
    let kept = rejects(&app).await;
    assert_eq!(kept.len(), 1);
    assert_eq!(
        (
            kept[0].kind.as_str(),
            kept[0].iccid.as_str(),
            kept[0].batch.as_str()
        ),
        ("reading", ICCID, "")
    );
    assert_eq!(kept[0].raw, bad.as_bytes());
    let stored: i64 = sqlx::query_scalar("SELECT sum(used_total)::bigint FROM sim_usage_daily")
        .fetch_one(&mut app.connection().await)
        .await
        .unwrap();
    assert_eq!(stored, 1 << 20, "the day that was told is kept");

    api.tell(&format!("[{good}]"), None);
    read_again(&app).await;

    eventually("it is read", || async {
        let (whole, readings) = status(&app).await?;
        anyhow::ensure!(
            (readings.read_last_day, whole.rejects_open) == (1, 0),
            "{whole:?}"
        );
        anyhow::ensure!(readings.last_error.is_empty());
        Ok(())
    })
    .await;
    assert_eq!(attempts(&app).await, (0, Some(yesterday)));
}

#[tokio::test]
async fn an_answer_without_a_day_is_not_nothing_used() {
    let api = ToldApi::start().await;
    let app = start(&api).await;
    let day = Utc::now().date_naive() - Days::new(1);
    let shapes = [
        "[]".to_owned(),
        r#"{"stats":[{"date":"TOTAL","data":{"volume":"0"}}]}"#.to_owned(),
        format!(r#"[{{"day":"{day}","bytes":5}}]"#),
        format!(r#"[{{"date":"{day}","usage":{{"bytes":5}}}}]"#),
        format!(r#"{{"usage":{{"{day}":5}}}}"#),
        format!(r#"[{{"date":"{day}","data":{{"volume":{{"tx":1,"rx":2,"total":3}}}}}}]"#),
    ];
    for (times, shape) in shapes.iter().enumerate() {
        api.tell(shape, None);
        if times == 0 {
            know(&app).await;
        } else {
            sqlx::query("UPDATE sync_state SET due_at = now()")
                .execute(&mut app.connection().await)
                .await
                .unwrap();
        }

        let readings = failed(&app, times as i32 + 1).await;

        assert_eq!(
            (readings.read_last_day, readings.failed_last_day),
            (0, 1),
            "{shape}"
        );
        assert!(!readings.last_error.is_empty(), "{shape}");
    }
    let days: i64 = sqlx::query_scalar("SELECT count(*) FROM sim_usage_daily")
        .fetch_one(&mut app.connection().await)
        .await
        .unwrap();
    assert_eq!(days, 0);
    assert!(!rejects(&app).await.is_empty());
}
