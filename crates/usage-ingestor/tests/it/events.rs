use messages::pb::usage::{SimEvent, SimEventsRequest};
use messages::{ErrorCode, usage_rpc};

use crate::harness::TestApp;
use crate::rows::{FOREIGN, ICCID, ORGANIZATION, Rows, all, only};

const EVENTS: &str = r#"
    INSERT INTO sim_events VALUES
        (8988999000000000017, '2026-07-01T10:00:00Z', 1, 800000001, 3, 'Create PDP Context', 'info', 'Network', false,
         'made', NULL, NULL, '{"apn": "iot.1nce.net"}'),
        (8988999000000000017, '2026-07-01T10:00:00Z', 1, 800000002, 19, 'Quota used up', 'warn', 'Policy Control', true,
         'used up', 'ops', NULL, NULL),
        (8988999000000000017, '2026-07-02T10:00:00Z', 2, 900000001, 0, '', 'info', '', false, 'hello', NULL, NULL, '{}'),
        (8988999000000000017, '2026-07-03T10:00:00Z', 1, 800000003, 4711, 'Something new', 'info', 'Network', false, '',
         NULL, NULL, '"no object"'),
        (8988999000000000025, '2026-07-03T10:00:00Z', 1, 800000004, 3, '', 'info', 'Network', false, '', NULL, NULL, NULL)"#;

fn request() -> SimEventsRequest {
    SimEventsRequest {
        scope: all(),
        iccid: ICCID.to_string(),
        page_size: 100,
        ..SimEventsRequest::default()
    }
}

async fn world() -> TestApp {
    let app = TestApp::start().await;
    let mut rows = Rows::of(&app).await;
    rows.sim(ICCID, Some(ORGANIZATION), &[]).await;
    rows.run(EVENTS).await;
    app
}

async fn ask(app: &TestApp, request: SimEventsRequest) -> (Vec<SimEvent>, String) {
    let answer = app.call::<usage_rpc::SimEvents>(request).await.unwrap();
    (answer.events, answer.next_cursor)
}

fn ids(events: &[SimEvent]) -> Vec<&str> {
    events.iter().map(|event| event.id.as_str()).collect()
}

#[tokio::test]
async fn events_come_with_words_the_newest_first() {
    let app = world().await;
    let (events, cursor) = ask(&app, request()).await;
    assert_eq!(cursor, "");
    assert_eq!(ids(&events), ["800000003", "900000001", "800000002", "800000001"]);
    let words: Vec<_> = events
        .iter()
        .map(|event| (event.event_type.as_str(), event.event_category.as_str()))
        .collect();
    let expected = [
        ("type_4711", "other"),
        ("sms_mo", "sms"),
        ("data_quota_used_up", "quota"),
        ("create_pdp_context", "session"),
    ];
    assert_eq!(words, expected);
    assert_eq!((events[2].triggered_by.as_str(), events[2].alert), ("ops", true));
    assert_eq!(events[3].event_data_json, r#"{"apn": "iot.1nce.net"}"#);
    assert_eq!(events[0].timestamp.unwrap().seconds, 1_783_072_800);
}

#[tokio::test]
async fn pages_of_one_hold_each_event_once_also_of_the_same_moment() {
    let app = world().await;
    let mut request = SimEventsRequest {
        page_size: 1,
        ..request()
    };
    let mut seen = Vec::new();
    loop {
        let (events, cursor) = ask(&app, request.clone()).await;
        seen.extend(events.into_iter().map(|event| event.id));
        if cursor.is_empty() {
            break;
        }
        request.cursor = cursor;
    }
    assert_eq!(seen, ["800000003", "900000001", "800000002", "800000001"]);
}

#[tokio::test]
async fn a_page_of_long_events_ends_early_and_goes_on() {
    let app = world().await;
    let mut rows = Rows::of(&app).await;
    rows.run(
        "INSERT INTO sim_events SELECT 8988999000000000017, '2026-08-01'::timestamptz, 1, n, 1, '', 'info', '', false,
             repeat('x', 200000), NULL, NULL, NULL FROM generate_series(1, 5) AS n",
    )
    .await;
    let (events, cursor) = ask(&app, request()).await;
    assert_eq!(ids(&events), ["5", "4"]);
    let (events, _) = ask(&app, SimEventsRequest { cursor, ..request() }).await;
    assert_eq!(ids(&events), ["3", "2"]);
}

#[tokio::test]
async fn events_are_filtered_by_type_category_and_time() {
    let app = world().await;
    for (event_type, expected) in [
        ("3", vec!["800000001"]),
        ("create_pdp_context", vec!["800000001"]),
        ("quota", vec!["800000002"]),
        ("sms", vec!["900000001"]),
        ("other", vec!["800000003"]),
        ("type_4711", vec!["800000003"]),
        ("security", vec![]),
    ] {
        let event_type = event_type.to_owned();
        let (events, _) = ask(
            &app,
            SimEventsRequest {
                event_type,
                ..request()
            },
        )
        .await;
        assert_eq!(ids(&events), expected);
    }
    let (events, _) = ask(
        &app,
        SimEventsRequest {
            from: "2026-07-02T12:00:00+02:00".into(),
            to: "2026-07-03T10:00:00Z".into(),
            ..request()
        },
    )
    .await;
    assert_eq!(ids(&events), ["900000001"]);
}

#[tokio::test]
async fn a_wrong_question_is_named_and_a_foreign_sim_does_not_exist() {
    let app = world().await;
    let wrong = [
        (
            SimEventsRequest {
                event_type: "weather".into(),
                ..request()
            },
            "type",
        ),
        (
            SimEventsRequest {
                from: "yesterday".into(),
                ..request()
            },
            "from",
        ),
        (
            SimEventsRequest {
                page_size: 101,
                ..request()
            },
            "page_size",
        ),
        (
            SimEventsRequest {
                cursor: "1.x".into(),
                ..request()
            },
            "cursor",
        ),
    ];
    for (wrong, field) in wrong {
        let error = app.call::<usage_rpc::SimEvents>(wrong).await.unwrap_err();
        assert_eq!(error.fields[0].0, field);
    }
    let scope = only(FOREIGN);
    let error = app
        .call::<usage_rpc::SimEvents>(SimEventsRequest { scope, ..request() })
        .await;
    assert_eq!(error.unwrap_err().code, ErrorCode::NotFound);
    // Only an event tells of this one.
    let iccid = "8988999000000000025".to_owned();
    let (events, _) = ask(&app, SimEventsRequest { iccid, ..request() }).await;
    assert_eq!(ids(&events), ["800000004"]);
}
