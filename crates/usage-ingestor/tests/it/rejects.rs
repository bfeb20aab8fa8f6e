use chrono::Utc;
use messages::pb::usage::{ListRejectsRequest, ReplayRejectsRequest};
use messages::usage_rpc::{ListRejects, ReplayRejects};
use once_emulator::EmulatorConfig;
use serde_json::json;
use test_support::eventually;

use crate::harness::TestApp;
use crate::records::data;

async fn rejects(app: &TestApp, include_replayed: bool, expected: usize) -> Vec<messages::pb::usage::Reject> {
    eventually("the rejected records are kept", || async {
        let page = app
            .call::<ListRejects>(ListRejectsRequest {
                page_size: 100,
                include_replayed,
                ..ListRejectsRequest::default()
            })
            .await?;
        anyhow::ensure!(page.rejects.len() == expected, "{:?}", page.rejects);
        Ok(page.rejects)
    })
    .await
}

#[tokio::test]
async fn a_bad_record_is_kept_once_with_its_bytes_and_reason_and_costs_no_other() {
    let app = TestApp::start().await;
    let now = Utc::now();
    let mut bad = data(1, 1, now, "0.2", "0.1");
    bad["volume"]["tx"] = json!("much");
    let body = json!([data(2, 1, now, "0.2", "0.1"), bad, 17]);

    let (status, text) = app.post("/datastreamer/v1/usage", body.to_string()).await;
    assert_eq!((status, text.as_str()), (200, r#"{"received":3,"rejected":2}"#));
    let kept = rejects(&app, false, 2).await;
    assert_eq!(
        app.post("/datastreamer/v1/usage", json!([bad]).to_string())
            .await
            .0,
        200
    );

    let seen_twice = eventually("it came again", || async {
        let kept = rejects(&app, false, 2).await;
        let twice = kept.into_iter().find(|reject| reject.seen == 2);
        twice.ok_or_else(|| anyhow::anyhow!("not yet"))
    })
    .await;
    assert_eq!(
        serde_json::from_slice::<serde_json::Value>(&seen_twice.raw).unwrap(),
        bad
    );
    assert!(seen_twice.reason.contains("volume.tx"), "{}", seen_twice.reason);
    assert_eq!(seen_twice.kind, "usage");
    assert!(
        kept.iter()
            .any(|reject| reject.raw == b"17" && reject.kind == "unknown")
    );
}

#[tokio::test]
async fn a_rejected_record_is_read_again_when_the_rules_allow_it() {
    let mut app = TestApp::start_with(EmulatorConfig::default(), &[("max_future_hours", "1")]).await;
    let tomorrow = Utc::now() + chrono::Duration::hours(24);
    let body = json!([data(1, 1, tomorrow, "0.2", "0.1"), 17]);
    assert_eq!(app.post("/datastreamer/v1/usage", body.to_string()).await.0, 200);
    rejects(&app, false, 2).await;
    app.restart(&[("max_future_hours", "48")]).await;

    let replayed = app
        .call::<ReplayRejects>(ReplayRejectsRequest::default())
        .await
        .unwrap();

    assert_eq!((replayed.accepted, replayed.rejected), (1, 1));
    eventually("the record is merged", || async {
        let count: i64 = sqlx::query_scalar("SELECT count(*) FROM sim_usage")
            .fetch_one(&mut app.connection().await)
            .await?;
        anyhow::ensure!(count == 1, "{count} records");
        Ok(())
    })
    .await;
    rejects(&app, false, 1).await;
    let all = rejects(&app, true, 2).await;
    assert_eq!(
        all.iter().filter(|reject| reject.replayed_at.is_some()).count(),
        1
    );
}

#[tokio::test]
async fn pages_of_rejected_records_follow_their_cursor() {
    let app = TestApp::start().await;
    let body: Vec<i64> = (0..7).collect();
    assert_eq!(
        app.post("/datastreamer/v1/usage", json!(body).to_string())
            .await
            .0,
        200
    );
    rejects(&app, false, 7).await;

    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let request = ListRejectsRequest {
            page_size: 3,
            cursor,
            ..ListRejectsRequest::default()
        };
        let page = app.call::<ListRejects>(request).await.unwrap();
        seen.extend(page.rejects.into_iter().map(|reject| reject.raw));
        cursor = page.next_cursor;
        if cursor.is_empty() {
            break;
        }
    }

    seen.sort();
    assert_eq!(
        seen,
        (0..7).map(|n| n.to_string().into_bytes()).collect::<Vec<_>>()
    );
    let wrong = ReplayRejectsRequest {
        ids: vec!["x".to_owned()],
    };
    assert!(app.call::<ReplayRejects>(wrong).await.is_err());
}
