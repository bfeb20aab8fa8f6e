use chrono::{DateTime, TimeDelta, Utc};
use messages::pb::usage::{UsageStreamResumed, UsageStreamSilent};
use prost::Message;
use serde_json::json;
use sqlx::Row;
use test_support::eventually_within;

use crate::harness::TestApp;
use crate::records::data;

/// A stream that brought so many records in each hour until then.
async fn flowed_until(app: &TestApp, last: DateTime<Utc>, per_hour: i64) {
    sqlx::query(
        "INSERT INTO ingest_hours (hour, stream, writer, batches, records, duplicates, rejects, last_received_at)
         SELECT date_trunc('hour', $1 - make_interval(hours => back)), 'usage', 0, 1, $2, 0, 0, $1 - make_interval(hours => back)
         FROM generate_series(0, 100) AS back",
    )
    .bind(last)
    .bind(per_hour)
    .execute(&mut app.connection().await)
    .await
    .expect("hours");
}

/// The payload of the first event of a type.
async fn event(app: &TestApp, word: &str) -> Vec<u8> {
    eventually_within(
        std::time::Duration::from_secs(60),
        "the event is published",
        || async {
            let bus = &app.shared.bus;
            let stream = bus
                .jetstream()
                .get_stream(bus.subjects().stream("EVENTS"))
                .await?;
            let subject = bus.subjects().prefixed(&format!("evt.v1.{word}.-"));
            let message = stream.get_last_raw_message_by_subject(&subject).await?;
            Ok(message.payload.to_vec())
        },
    )
    .await
}

#[tokio::test]
async fn a_stream_that_stops_is_announced_its_gap_is_read_by_api_and_its_return_is_announced() {
    let app = TestApp::start().await;
    let last = Utc::now() - TimeDelta::hours(5);
    let active = 8_988_280_666_000_000_001i64;
    sqlx::query("INSERT INTO sim_usage_daily (iccid, day, total) VALUES ($1, $2, 1)")
        .bind(active)
        .bind(last.date_naive())
        .execute(&mut app.connection().await)
        .await
        .unwrap();
    flowed_until(&app, last, 60).await;

    let silent = UsageStreamSilent::decode(event(&app, "usage.stream_silent").await.as_slice()).unwrap();

    assert_eq!(
        (silent.stream.as_str(), silent.expected_per_hour),
        ("usage", 60.0)
    );
    let told = silent.last_received_at.unwrap().seconds;
    assert_eq!(told, last.timestamp());
    let mut db = app.connection().await;
    let due = sqlx::query("SELECT from_day FROM sync_state WHERE iccid = $1")
        .bind(active)
        .fetch_one(&mut db)
        .await
        .unwrap();
    // It may have been read meanwhile, and then its first day is forgotten.
    let from: Option<chrono::NaiveDate> = due.get(0);
    assert!(from.is_none_or(|day| day == last.date_naive().pred_opt().unwrap()));
    let report = app.service.runtime.health.report().await;
    let check = report
        .checks
        .iter()
        .find(|check| check.name == "data_streamer")
        .unwrap();
    assert!(
        report.ready && !check.ok && check.detail.contains("usage"),
        "{check:?}"
    );

    let body = json!([data(1, 1, Utc::now(), "0.1", "0.1")]).to_string();
    assert_eq!(app.post("/datastreamer/v1/usage", body).await.0, 200);
    let resumed = UsageStreamResumed::decode(event(&app, "usage.stream_resumed").await.as_slice()).unwrap();
    assert_eq!(resumed.silent_since.unwrap().seconds, last.timestamp());
    let report = app.service.runtime.health.report().await;
    assert!(report.checks.iter().all(|check| check.ok), "{report:?}");
}
