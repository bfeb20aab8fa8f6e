use std::io::Write;

use async_nats::HeaderMap;
use base64::Engine;
use chrono::{DurationRound, Timelike, Utc};
use messages::header;
use messages::pb::usage::{IngestBatch, UsageRecord};
use once_emulator::EmulatorConfig;
use prost::Message;
use serde_json::json;
use sqlx::Row;
use test_support::{DATASTREAMER, Stack, eventually};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::harness::TestApp;
use crate::records::{data, days_ago, iccid, sms_mo};

#[tokio::test]
async fn a_posted_record_is_stored_and_raises_its_day() {
    let app = TestApp::start().await;
    let noon = days_ago(1);
    let records = json!([data(1, 1, noon, "0.2", "0.05"), sms_mo(2, 1, noon)]);

    let (status, text) = app.post("/datastreamer/v1/usage", records.to_string()).await;

    assert_eq!((status, text.as_str()), (200, r#"{"received":2,"rejected":0}"#));
    let mut db = app.connection().await;
    let day = eventually("the records are merged", || async {
        let mut db = app.connection().await;
        Ok(
            sqlx::query("SELECT * FROM sim_usage_daily WHERE iccid = $1 AND day = $2")
                .bind(iccid(1).parse::<i64>().unwrap())
                .bind(noon.date_naive())
                .fetch_one(&mut db)
                .await?,
        )
    })
    .await;
    assert_eq!(day.get::<i64, _>("tx"), 209_715);
    assert_eq!(day.get::<i64, _>("rx"), 52_429);
    assert_eq!(day.get::<i64, _>("total"), 262_144);
    assert_eq!((day.get::<i32, _>("sms_mo"), day.get::<i32, _>("sms_mt")), (1, 0));
    assert_eq!(day.get::<i32, _>("sessions"), 1);
    let record = sqlx::query("SELECT * FROM sim_usage WHERE record_id = 1")
        .fetch_one(&mut db)
        .await
        .unwrap();
    assert_eq!(record.get::<chrono::DateTime<Utc>, _>("ended_at"), noon);
    assert_eq!(
        (record.get::<i16, _>("mcc"), record.get::<i16, _>("rat")),
        (262, 6)
    );
    let operator: String = sqlx::query_scalar("SELECT country FROM operators WHERE operator_id = 2")
        .fetch_one(&mut db)
        .await
        .unwrap();
    assert_eq!(operator, "Germany");
    let unknown: i64 = sqlx::query_scalar("SELECT count(*) FROM sims WHERE organization_id IS NULL")
        .fetch_one(&mut db)
        .await
        .unwrap();
    assert_eq!(unknown, 1);
}

/// A request with this login and these headers.
async fn send(
    app: &TestApp,
    login: Option<(&str, &str)>,
    headers: &[(&str, &str)],
    body: Vec<u8>,
) -> reqwest::Response {
    let mut request = app
        .http
        .post(format!("http://{}/datastreamer/v1/usage", app.service.addr))
        .body(body);
    if let Some((user, password)) = login {
        request = request.basic_auth(user, Some(password));
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.send().await.expect("an answer")
}

async fn stored(app: &TestApp, expected: i64) {
    eventually("the records are merged", || async {
        let count: i64 = sqlx::query_scalar("SELECT count(*) FROM sim_usage")
            .fetch_one(&mut app.connection().await)
            .await?;
        anyhow::ensure!(count == expected, "{count} records");
        Ok(())
    })
    .await;
}

fn hour_ago() -> chrono::DateTime<Utc> {
    Utc::now() - chrono::Duration::hours(1)
}

#[tokio::test]
async fn only_the_streams_logins_may_post_and_two_may_while_one_takes_the_others_place() {
    let settings = [("next_user", "second"), ("next_password", "other-secret")];
    let app = TestApp::start_with(EmulatorConfig::default(), &settings).await;
    let body = b"[]".to_vec();

    let (user, password) = DATASTREAMER;
    for (login, status) in [
        (Some((user, password)), 200),
        (Some(("second", "other-secret")), 200),
        (Some((user, "wrong")), 401),
        (Some(("second", password)), 401),
        (Some(("", "")), 401),
        (None, 401),
    ] {
        let answer = send(&app, login, &[], body.clone()).await;
        assert_eq!(answer.status(), status, "{login:?}");
        assert_eq!(answer.headers().contains_key("www-authenticate"), status == 401);
    }
}

#[tokio::test]
async fn without_a_login_in_the_settings_nothing_is_received() {
    let app = TestApp::start_with(EmulatorConfig::default(), &[("user", ""), ("password", "")]).await;

    let answer = send(&app, Some(DATASTREAMER), &[], b"[]".to_vec()).await;

    assert_eq!(answer.status(), 503);
    assert!(answer.text().await.unwrap().contains("DATASTREAMER_USER"));
}

#[tokio::test]
async fn gzip_is_unpacked_and_other_packings_are_refused() {
    let app = TestApp::start().await;
    let body = json!([data(1, 1, hour_ago(), "0.2", "0.1")]).to_string();
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packer.write_all(body.as_bytes()).unwrap();
    let packed = packer.finish().unwrap();

    let taken = send(
        &app,
        Some(DATASTREAMER),
        &[("content-encoding", "gzip")],
        packed.clone(),
    )
    .await;
    let cut = send(
        &app,
        Some(DATASTREAMER),
        &[("content-encoding", "gzip")],
        packed[..packed.len() / 2].to_vec(),
    )
    .await;
    let other = send(&app, Some(DATASTREAMER), &[("content-encoding", "br")], packed).await;

    assert_eq!(
        (
            taken.status().as_u16(),
            cut.status().as_u16(),
            other.status().as_u16()
        ),
        (200, 400, 415)
    );
    stored(&app, 1).await;
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_also_when_it_only_unpacks_to_it() {
    let app = TestApp::start_with(EmulatorConfig::default(), &[("max_body_mb", "1")]).await;
    let large = vec![b' '; (1 << 20) + 1];
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    packer.write_all(&large).unwrap();
    let bomb = packer.finish().unwrap();

    let plain = send(&app, Some(DATASTREAMER), &[], large).await;
    let packed = send(&app, Some(DATASTREAMER), &[("content-encoding", "gzip")], bomb).await;

    assert_eq!((plain.status().as_u16(), packed.status().as_u16()), (413, 413));
}

#[tokio::test]
async fn what_is_no_array_is_refused_by_name() {
    let app = TestApp::start().await;
    for body in ["{}", "[1,", "", "text"] {
        let (status, text) = app.post("/datastreamer/v1/events", body).await;
        assert_eq!(status, 400, "{body}");
        assert!(text.contains("no JSON array"), "{text}");
    }
    assert_eq!(app.post("/datastreamer/v1", "[]").await.0, 200);
    assert_eq!(app.post("/datastreamer/v2/usage", "[]").await.0, 404);
}

#[tokio::test]
async fn more_than_the_memory_holds_is_shed_at_once_and_taken_when_there_is_room() {
    let settings = [("max_body_mb", "1"), ("receive_memory_mb", "2")];
    let app = TestApp::start_with(EmulatorConfig::default(), &settings).await;
    // Senders that announce a MiB each and send nothing yet: two hold all there is, whichever they are.
    let mut slow = JoinSet::new();
    for _ in 0..3 {
        let mut sender = TcpStream::connect(app.service.addr).await.unwrap();
        let head = format!(
            "POST /datastreamer/v1/usage HTTP/1.1\r\nhost: x\r\nauthorization: Basic {}\r\ncontent-length: {}\r\n\r\n[",
            base64::prelude::BASE64_STANDARD.encode(format!("{}:{}", DATASTREAMER.0, DATASTREAMER.1)),
            1 << 20,
        );
        sender.write_all(head.as_bytes()).await.unwrap();
        slow.spawn(async move {
            let mut answer = vec![0; 4096];
            let length = sender.read(&mut answer).await.unwrap();
            String::from_utf8_lossy(&answer[..length]).to_lowercase()
        });
    }

    let third = slow.join_next().await.unwrap().unwrap();
    let shed = send(&app, Some(DATASTREAMER), &[], b"[]".to_vec()).await;

    assert!(
        third.starts_with("http/1.1 503") && third.contains("retry-after"),
        "{third}"
    );
    assert_eq!(shed.status(), 503);
    assert!(shed.headers().contains_key("retry-after"));
    slow.shutdown().await;
    eventually("there is room again", || async {
        let answer = send(&app, Some(DATASTREAMER), &[], b"[]".to_vec()).await;
        anyhow::ensure!(answer.status() == 200, "{}", answer.status());
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn usage_and_events_of_one_url_are_told_apart_and_come_again_without_effect() {
    let app = TestApp::start().await;
    let at = hour_ago();
    let event = json!({
        "id": 800000019, "timestamp": at, "event_type": {"id": 4711, "description": "Something new"},
        "event_severity": {"id": 1, "description": "WARN"}, "event_source": {"id": 0, "description": "Network"},
        "alert": true, "description": "made-up", "sim": {"iccid": iccid(1)}, "detail": {"a": [1, 2]}
    });
    let body = json!([data(1, 1, at, "0.2", "0.1"), event, data(2, 2, at, "1", "1")]);
    let again = json!([data(2, 2, at, "1", "1"), data(3, 2, at, "1", "1"), event]);

    assert_eq!(app.post("/datastreamer/v1", body.to_string()).await.0, 200);
    stored(&app, 2).await;
    assert_eq!(app.post("/datastreamer/v1", again.to_string()).await.0, 200);
    stored(&app, 3).await;

    let mut db = app.connection().await;
    let events = sqlx::query("SELECT type_id, type_text, severity, alert, detail FROM sim_events")
        .fetch_all(&mut db)
        .await
        .unwrap();
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].get::<i32, _>("type_id"), 4711);
    assert_eq!(events[0].get::<&str, _>("detail"), r#"{"a":[1,2]}"#);
}

#[tokio::test]
async fn when_jetstream_is_gone_the_answer_is_503_and_what_was_taken_is_merged_after_the_return() {
    let stack = Stack::up();
    let app = TestApp::start_on(&stack, &[("lease_seconds", "1")]).await;
    let first = json!([data(1, 1, hour_ago(), "0.2", "0.1")]).to_string();
    let second = json!([data(2, 1, hour_ago(), "0.2", "0.1")]).to_string();
    assert_eq!(app.post("/datastreamer/v1/usage", first.clone()).await.0, 200);
    stored(&app, 1).await;

    stack.kill("postgres").await;
    assert_eq!(
        app.post("/datastreamer/v1/usage", second.clone()).await.0,
        200,
        "JetStream keeps it"
    );
    stack.kill("nats").await;
    eventually("the loss is noticed", || async {
        let (status, _) = app.post("/datastreamer/v1/usage", first.clone()).await;
        anyhow::ensure!(status == 503, "{status}");
        Ok(())
    })
    .await;
    stack.start("nats").await;
    stack.start("postgres").await;

    stored(&app, 2).await;
    eventually("it is taken again", || async {
        let (status, _) = app.post("/datastreamer/v1/usage", second.clone()).await;
        anyhow::ensure!(status == 200, "{status}");
        Ok(())
    })
    .await;
    let counted: i64 = sqlx::query_scalar("SELECT sum(data_records) FROM sim_usage_daily")
        .fetch_one(&mut app.connection().await)
        .await
        .unwrap();
    assert_eq!(counted, 2);
}

#[tokio::test]
async fn a_batch_came_when_its_receiver_took_it_whatever_the_clock_of_jetstream() {
    let app = TestApp::start().await;
    let taken = hour_ago().with_nanosecond(0).unwrap() - chrono::Duration::hours(4);
    let record = UsageRecord {
        iccid: iccid(1).parse().unwrap(),
        record_id: 1,
        started_at_ms: taken.timestamp_millis(),
        ended_at_ms: taken.timestamp_millis(),
        rx: 1,
        total: 1,
        ..UsageRecord::default()
    };
    let batch = IngestBatch {
        usage: vec![record],
        ..IngestBatch::default()
    };
    let mut headers = HeaderMap::new();
    headers.insert(header::TIME, taken.to_rfc3339());
    let bus = &app.shared.bus;
    let payload = batch.encode_to_vec().into();
    let js = bus.jetstream();

    let published = js.publish_with_headers(bus.subjects().ingest(), headers, payload);
    published.await.unwrap().await.unwrap();

    stored(&app, 1).await;
    let (hour, last): (chrono::DateTime<Utc>, chrono::DateTime<Utc>) =
        sqlx::query_as("SELECT hour, last_received_at FROM ingest_hours")
            .fetch_one(&mut app.connection().await)
            .await
            .unwrap();
    assert_eq!(
        (hour, last),
        (taken.duration_trunc(chrono::Duration::hours(1)).unwrap(), taken)
    );
}
