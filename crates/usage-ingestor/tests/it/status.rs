use async_nats::HeaderMap;
use chrono::{TimeDelta, Utc};
use messages::header;
use messages::pb::usage::{DifferencesRequest, IngestStatusRequest, IngestStatusResponse};
use messages::usage_rpc;

use crate::harness::TestApp;
use crate::rows::{FOREIGN, ICCID, ORGANIZATION, OTHER, Record, Rows, all, data, only};

async fn status(app: &TestApp) -> IngestStatusResponse {
    app.call::<usage_rpc::IngestStatus>(IngestStatusRequest {})
        .await
        .unwrap()
}

#[tokio::test]
async fn a_new_service_has_received_nothing() {
    let app = TestApp::start().await;
    let status = status(&app).await;
    let states: Vec<_> = status
        .streams
        .iter()
        .map(|stream| (stream.stream.as_str(), stream.state.as_str()))
        .collect();
    assert_eq!(states, [("usage", "never"), ("events", "never")]);
    assert_eq!((status.batches_waiting, status.lag_seconds), (0, 0.0));
    let readings = status.api_readings.unwrap();
    assert!(readings.available, "the emulator offers usage");
    assert_eq!(
        (readings.due, readings.last_read_at, readings.last_error.as_str()),
        (0, None, "")
    );
}

#[tokio::test]
async fn streams_readings_and_what_is_wrong_are_counted() {
    let app = TestApp::start().await;
    let mut rows = Rows::of(&app).await;
    rows.run(
        // The nearest hour counts whole for at least half an hour from now. Today is compared as soon as it is over, so
        // a midnight meanwhile changes no number. What came nine days ago is too old for the watch, which would change
        // the state of its stream.
        "INSERT INTO ingest_hours
             SELECT date_trunc('hour', now() + interval '30 minutes') - back, stream, writer, batches, records, duplicates,
                    rejects, received, record
             FROM (VALUES
                 (interval '0 hours', 'usage', 0, 2, 100, 3, 1, now(), now() - interval '5 minutes'),
                 ('0 hours', 'usage', 1, 1, 50, 0, 0, now() - interval '1 hour', NULL),
                 ('3 hours', 'usage', 0, 4, 1000, 5, 2, now() - interval '3 hours', NULL),
                 ('30 hours', 'usage', 0, 9, 9000, 9, 9, now() - interval '30 hours', NULL),
                 ('9 days', 'events', 0, 1, 7, 0, 0, '2026-01-01T00:00:00Z', NULL))
                 AS arrived (back, stream, writer, batches, records, duplicates, rejects, received, record);
         INSERT INTO stream_state VALUES ('events', '2026-07-01T00:00:00Z', 12.5, NULL, NULL),
                                        ('usage', NULL, NULL, NULL, now() - interval '100 days');
         INSERT INTO rejects (digest, raw, kind, reason, batch, received_at, last_received_at, replayed_at)
             VALUES ('a', 'a', 'usage', 'r', 1, now(), now(), NULL), ('b', 'b', 'usage', 'r', 1, now(), now(), now());
         INSERT INTO sims (iccid) VALUES (1), (2);
         INSERT INTO sync_state (iccid, priority, due_at, last_read_at, last_error, failed_at) VALUES
             (1, 3, now() - interval '1 hour', now() - interval '2 hours', NULL, NULL),
             (2, 3, now() + interval '1 hour', now() - interval '3 days', 'no answer', now() - interval '1 hour');
         INSERT INTO sim_usage_daily (iccid, day, api_rx, api_tx, api_total, api_sms_mo, api_sms_mt)
             SELECT 1, (now() AT TIME ZONE 'UTC')::date - d, 5000, 0, 5000, 0, 0 FROM generate_series(0, 40) AS d",
    )
    .await;

    let status = status(&app).await;

    let [usage, events] = status.streams.as_slice() else {
        panic!("{status:?}")
    };
    assert_eq!(
        (usage.state.as_str(), events.state.as_str()),
        ("flowing", "silent")
    );
    assert_eq!(usage.records_last_hour, 150);
    assert_eq!((usage.records_last_day, usage.batches_last_day), (1150, 7));
    assert_eq!((usage.duplicates_last_day, usage.rejects_last_day), (8, 3));
    assert_eq!(
        usage.last_received_at.unwrap().seconds - usage.last_record_at.unwrap().seconds,
        300
    );
    assert_eq!((events.records_last_day, events.expected_per_hour), (0, 12.5));
    assert_eq!(events.last_received_at.unwrap().seconds, 1_767_225_600);
    assert_eq!(events.silent_since.unwrap().seconds, 1_782_864_000);
    assert_eq!(
        (status.rejects_open, status.sims_unknown, status.days_that_differ),
        (1, 2, 35)
    );
    let readings = status.api_readings.unwrap();
    assert_eq!(
        (readings.due, readings.read_last_day, readings.failed_last_day),
        (1, 1, 1)
    );
    assert_eq!(readings.last_error, "no answer");
}

#[tokio::test]
async fn a_failure_is_told_until_its_own_sim_is_read() {
    let app = TestApp::start().await;
    let mut rows = Rows::of(&app).await;
    rows.run(
        "INSERT INTO sync_state (iccid, priority, due_at, last_read_at, last_error, failed_at) VALUES
             (1, 3, now() + interval '1 hour', now(), NULL, NULL),
             (2, 3, now() + interval '1 hour', NULL, 'no answer', now() - interval '1 hour')",
    )
    .await;
    let readings = status(&app).await.api_readings.unwrap();
    assert_eq!(readings.last_error, "no answer");

    rows.run("UPDATE sync_state SET last_read_at = now(), last_error = NULL WHERE iccid = 2")
        .await;

    let readings = status(&app).await.api_readings.unwrap();
    assert_eq!((readings.last_error.as_str(), readings.failed_last_day), ("", 1));
}

#[tokio::test]
async fn days_that_differ_are_listed_in_scope_the_newest_first() {
    let app = TestApp::start().await;
    let mut rows = Rows::of(&app).await;
    rows.sim(ICCID, Some(ORGANIZATION), &[]).await;
    rows.sim(OTHER, Some(FOREIGN), &[]).await;
    for day in ["2026-07-01", "2026-07-02", "2026-07-03"] {
        let end = format!("{day}T10:00:00Z");
        rows.record(data(&end, 1000, 0)).await;
        let iccid = OTHER;
        rows.record(Record {
            iccid,
            ..data(&end, 10, 0)
        })
        .await;
    }
    // Before the stream's second day there is nothing to compare.
    rows.run("INSERT INTO stream_state (stream, first_record_at) VALUES ('usage', '2026-06-29T12:00:00Z')")
        .await;
    rows.api_day(ICCID, "2026-06-29", (9000, 0), (0, 0)).await;
    // The first is explained by rounding, the others are not.
    rows.api_day(ICCID, "2026-07-01", (2000, 0), (0, 0)).await;
    rows.api_day(ICCID, "2026-07-02", (9000, 0), (0, 0)).await;
    rows.api_day(ICCID, "2026-07-03", (1000, 0), (2, 0)).await;
    rows.api_day(OTHER, "2026-07-02", (0, 0), (0, 0)).await;
    let request = |scope, page_size, cursor: &str| DifferencesRequest {
        scope,
        start_date: "2026-06-01".into(),
        end_date: "2026-07-03".into(),
        page_size,
        cursor: cursor.into(),
    };
    let ask = async |request| {
        let answer = app.call::<usage_rpc::Differences>(request).await.unwrap();
        let short = answer
            .days
            .iter()
            .map(|day| (day.iccid.parse::<i64>().unwrap(), day.day.clone()));
        (short.collect::<Vec<_>>(), answer.next_cursor, answer.days)
    };
    let (first, cursor, days) = ask(request(all(), 2, "")).await;
    assert_eq!(
        first,
        [(ICCID, "2026-07-03".to_owned()), (OTHER, "2026-07-02".to_owned())]
    );
    assert_eq!((days[0].api_sms_mo, days[0].stream_sms_mo), (2, 0));
    let (second, cursor, days) = ask(request(all(), 2, &cursor)).await;
    assert_eq!(second, [(ICCID, "2026-07-02".to_owned())]);
    let day = &days[0];
    assert_eq!(
        (day.stream_total, day.api_total, day.data_records, day.tolerance),
        (1000, 9000, 1, 1024)
    );
    assert!(day.read_at.is_some());
    assert_eq!(cursor, "");
    let (own, _, _) = ask(request(only(FOREIGN), 100, "")).await;
    assert_eq!(own, [(OTHER, "2026-07-02".to_owned())]);
    let bad = request(all(), 2, "yesterday");
    let error = app.call::<usage_rpc::Differences>(bad).await.unwrap_err();
    assert_eq!(error.fields[0].0, "cursor");
}

#[tokio::test]
async fn batches_that_nobody_merged_are_counted_with_the_age_of_the_oldest() {
    let app = TestApp::start().await;
    let stream = app.shared.bus.subjects().stream("INGEST");
    let stream = app.shared.bus.jetstream().get_stream(stream).await.unwrap();
    // A subject of the stream that no consumer reads.
    let subject = app.shared.bus.subjects().prefixed("ingest.v1.test");
    for hours in [3, 2, 1] {
        let taken = Utc::now() - TimeDelta::hours(hours);
        let mut headers = HeaderMap::new();
        headers.insert(header::TIME, taken.to_rfc3339());
        let js = app.shared.bus.jetstream();
        let stored = js.publish_with_headers(subject.clone(), headers, "x".into());
        stored.await.unwrap().await.unwrap();
    }
    let waiting = status(&app).await;
    assert_eq!(waiting.batches_waiting, 3);
    assert!(
        (3.0 * 3600.0..4.0 * 3600.0).contains(&waiting.lag_seconds),
        "{}",
        waiting.lag_seconds
    );
    stream.purge().await.unwrap();
    assert_eq!(status(&app).await.batches_waiting, 0);
}
