use chrono::{Days, NaiveDate};
use messages::pb::usage::{DailyUsage, ExportUsageRequest};
use messages::{ErrorCode, usage_rpc};

use crate::harness::TestApp;
use crate::rows::{FOREIGN, ICCID, ORGANIZATION, Rows, all, data, only, sms};

fn request() -> ExportUsageRequest {
    ExportUsageRequest {
        scope: all(),
        start_date: "2026-01-01".into(),
        end_date: "2026-01-10".into(),
        ..ExportUsageRequest::default()
    }
}

/// Every page of an export, and how many rows each had.
async fn pages(app: &TestApp, mut request: ExportUsageRequest) -> (Vec<DailyUsage>, Vec<usize>) {
    let (mut rows, mut sizes) = (Vec::new(), Vec::new());
    loop {
        let page = app.call::<usage_rpc::ExportUsage>(request.clone()).await.unwrap();
        sizes.push(page.rows.len());
        rows.extend(page.rows);
        if page.next_cursor.is_empty() {
            return (rows, sizes);
        }
        request.cursor = page.next_cursor;
    }
}

#[tokio::test]
async fn pages_hold_every_row_once_in_order_and_nothing_outside() {
    let app = TestApp::start().await;
    let mut rows = Rows::of(&app).await;
    // 2,500 SIMs, of which each second one has twelve days, two of them outside.
    rows.run(
        "INSERT INTO sims (iccid, organization_id)
             SELECT 8988999000000000000 + n, '00000000-0000-0000-0000-00000000000a' FROM generate_series(1, 2500) AS n;
         INSERT INTO sim_usage_daily (iccid, day, rx, total, data_records, sessions)
             SELECT 8988999000000000000 + n, '2025-12-31'::date + d, d, d, 1, 1
             FROM generate_series(2, 2500, 2) AS n, generate_series(0, 11) AS d",
    )
    .await;
    let (found, sizes) = pages(&app, request()).await;
    assert_eq!(found.len(), 12_500);
    assert_eq!(sizes[..5], [2000; 5], "{sizes:?}");
    let keys: Vec<(String, String)> = found
        .iter()
        .map(|row| (row.iccid.clone(), row.day.clone()))
        .collect();
    let first = NaiveDate::from_ymd_opt(2026, 1, 1).unwrap();
    let expected = (2..=2500).step_by(2).flat_map(|n: i64| {
        (0..10).map(move |d| {
            let iccid = 8_988_999_000_000_000_000 + n;
            (iccid.to_string(), (first + Days::new(d)).to_string())
        })
    });
    assert!(keys.iter().cloned().eq(expected));
    assert_eq!(
        (found[0].total, found[0].sessions, found[0].source.as_str()),
        (1, 1, "stream")
    );
    let (nothing, _) = pages(
        &app,
        ExportUsageRequest {
            scope: only(FOREIGN),
            ..request()
        },
    )
    .await;
    assert_eq!(nothing, []);
}

#[tokio::test]
async fn one_sim_or_those_with_a_tag_are_exported_in_scope() {
    let app = TestApp::start().await;
    let mut rows = Rows::of(&app).await;
    rows.sim(ICCID, Some(ORGANIZATION), &["pump"]).await;
    rows.sim(ICCID + 8, Some(ORGANIZATION), &[]).await;
    rows.record(data("2026-01-01T10:00:00Z", 3, 4)).await;
    rows.api_day(ICCID, "2026-01-02", (8000, 0), (0, 0)).await;
    rows.record(sms("2026-01-03T10:00:00Z", 1, 0)).await;
    rows.api_day(ICCID, "2026-01-03", (9000, 0), (0, 2)).await;
    rows.api_day(ICCID + 8, "2026-01-03", (1, 0), (0, 0)).await;
    let one = ExportUsageRequest {
        scope: only(ORGANIZATION),
        iccid: ICCID.to_string(),
        ..request()
    };
    let (found, _) = pages(&app, one.clone()).await;
    let short: Vec<_> = found
        .iter()
        .map(|row| {
            (
                row.day.as_str(),
                row.total,
                row.sms_mo,
                row.sms_mt,
                row.source.as_str(),
            )
        })
        .collect();
    let expected = [
        ("2026-01-01", 7, 0, 0, "stream"),
        ("2026-01-02", 8000, 0, 0, "api"),
        ("2026-01-03", 9000, 1, 2, "mixed"),
    ];
    assert_eq!(short, expected);
    let tagged = ExportUsageRequest {
        tag: "pump".into(),
        ..request()
    };
    assert_eq!(pages(&app, tagged).await.0, found);
    let foreign = ExportUsageRequest {
        scope: only(FOREIGN),
        ..one.clone()
    };
    let error = app.call::<usage_rpc::ExportUsage>(foreign).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::NotFound);
    let bad = ExportUsageRequest {
        cursor: "x".into(),
        ..one
    };
    let error = app.call::<usage_rpc::ExportUsage>(bad).await.unwrap_err();
    assert_eq!(error.fields[0].0, "cursor");
}
