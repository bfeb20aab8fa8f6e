use messages::pb::usage::{SimUsageRequest, UsagePeriod};
use messages::{ErrorCode, usage_rpc};

use crate::harness::TestApp;
use crate::rows::{FOREIGN, ICCID, ORGANIZATION, OTHER, Record, Rows, all, data, only, sms};

fn request(granularity: &str, zone: &str, start: &str, end: &str) -> SimUsageRequest {
    SimUsageRequest {
        scope: all(),
        iccid: ICCID.to_string(),
        start_date: start.into(),
        end_date: end.into(),
        granularity: granularity.into(),
        time_zone: zone.into(),
    }
}

async fn ask(app: &TestApp, request: SimUsageRequest) -> Vec<UsagePeriod> {
    app.call::<usage_rpc::SimUsage>(request).await.unwrap().periods
}

/// Begin, total, messages from the device, sessions, source.
fn short(period: &UsagePeriod) -> (&str, u64, u32, u32, &str) {
    (
        &period.start,
        period.total,
        period.sms_mo,
        period.sessions,
        &period.source,
    )
}

fn shorts(periods: &[UsagePeriod]) -> Vec<(&str, u64, u32, u32, &str)> {
    periods.iter().map(short).collect()
}

/// Thursday to Monday: two sessions and a message, a day that only the API told, one with more than the stream told.
async fn world() -> TestApp {
    let app = TestApp::start().await;
    let mut rows = Rows::of(&app).await;
    rows.sim(ICCID, Some(ORGANIZATION), &[]).await;
    rows.record(data("2026-07-02T10:00:00Z", 1000, 500)).await;
    rows.record(data("2026-07-02T23:30:00Z", 100, 0)).await;
    rows.record(sms("2026-07-02T23:40:00Z", 1, 0)).await;
    rows.api_day(ICCID, "2026-07-03", (7000, 1000), (2, 0)).await;
    rows.record(data("2026-07-06T12:00:00Z", 10, 10)).await;
    rows.api_day(ICCID, "2026-07-06", (50_000, 50_000), (0, 0)).await;
    rows.record(sms("2026-07-07T12:00:00Z", 1, 0)).await;
    rows.api_day(ICCID, "2026-07-07", (0, 0), (3, 0)).await;
    app
}

#[tokio::test]
async fn days_weeks_and_months_of_utc_are_sums_of_what_is_used() {
    let app = world().await;
    let days = ask(&app, request("daily", "", "2026-07-01", "2026-07-31")).await;
    let expected = [
        ("2026-07-02", 1600, 1, 2, "stream"),
        ("2026-07-03", 8000, 2, 0, "api"),
        ("2026-07-06", 100_000, 0, 1, "api"),
        ("2026-07-07", 0, 3, 0, "mixed"),
    ];
    assert_eq!(shorts(&days), expected);
    assert_eq!((days[0].rx, days[0].tx), (1100, 500));
    let weeks = ask(&app, request("weekly", "UTC", "2026-07-01", "2026-07-31")).await;
    let expected = [
        ("2026-06-29", 9600, 3, 2, "mixed"),
        ("2026-07-06", 100_000, 3, 1, "mixed"),
    ];
    assert_eq!(shorts(&weeks), expected);
    let months = ask(&app, request("monthly", "", "2026-07-03", "2026-07-31")).await;
    assert_eq!(shorts(&months), [("2026-07-01", 108_000, 5, 1, "mixed")]);
    let one = ask(&app, request("daily", "", "2026-07-03", "2026-07-03")).await;
    assert_eq!(one.len(), 1);
}

#[tokio::test]
async fn hours_and_days_of_a_zone_come_from_records_and_whole_days_of_the_api_fall_where_they_begin() {
    let app = world().await;
    let hours = ask(&app, request("hourly", "", "2026-07-02", "2026-07-07")).await;
    let expected = [
        ("2026-07-02T10:00:00+00:00", 1500, 0, 1, "stream"),
        ("2026-07-02T23:00:00+00:00", 100, 1, 1, "stream"),
        ("2026-07-03T00:00:00+00:00", 8000, 2, 0, "api"),
        ("2026-07-06T00:00:00+00:00", 100_000, 0, 0, "api"),
        ("2026-07-06T12:00:00+00:00", 0, 0, 1, "stream"),
        ("2026-07-07T00:00:00+00:00", 0, 2, 0, "api"),
        ("2026-07-07T12:00:00+00:00", 0, 1, 0, "stream"),
    ];
    assert_eq!(shorts(&hours), expected);
    // In Berlin the evening of the second is the night to the third.
    let days = ask(
        &app,
        request("daily", "Europe/Berlin", "2026-07-01", "2026-07-31"),
    )
    .await;
    let expected = [
        ("2026-07-02", 1500, 0, 1, "stream"),
        ("2026-07-03", 8100, 3, 1, "mixed"),
        ("2026-07-06", 100_000, 0, 1, "api"),
        ("2026-07-07", 0, 3, 0, "mixed"),
    ];
    assert_eq!(shorts(&days), expected);
    // In New York a UTC day begins the evening before.
    let days = ask(
        &app,
        request("daily", "America/New_York", "2026-07-02", "2026-07-02"),
    )
    .await;
    assert_eq!(shorts(&days), [("2026-07-02", 9600, 3, 2, "mixed")]);
    let weeks = ask(
        &app,
        request("weekly", "America/New_York", "2026-07-01", "2026-07-31"),
    )
    .await;
    assert_eq!(weeks.iter().map(|week| week.total).sum::<u64>(), 109_600);
}

#[tokio::test]
async fn a_day_whose_records_lie_outside_the_span_is_not_told_twice() {
    let app = TestApp::start().await;
    let mut rows = Rows::of(&app).await;
    rows.sim(ICCID, None, &[]).await;
    // In New York this is the third already, while the UTC day begins on the second.
    rows.record(data("2026-07-03T12:00:00Z", 100, 0)).await;
    let days = ask(
        &app,
        request("daily", "America/New_York", "2026-07-02", "2026-07-02"),
    )
    .await;
    assert_eq!(days, []);
    let days = ask(
        &app,
        request("daily", "America/New_York", "2026-07-02", "2026-07-03"),
    )
    .await;
    assert_eq!(shorts(&days), [("2026-07-03", 100, 0, 1, "stream")]);
    // Records that are not kept any more leave the day's sums.
    rows.run("DELETE FROM sim_usage").await;
    let days = ask(
        &app,
        request("daily", "America/New_York", "2026-07-02", "2026-07-02"),
    )
    .await;
    assert_eq!(shorts(&days), [("2026-07-02", 100, 0, 1, "stream")]);
}

#[tokio::test]
async fn a_session_counts_once_per_period_and_records_without_one_each_for_itself() {
    let app = TestApp::start().await;
    let mut rows = Rows::of(&app).await;
    rows.sim(ICCID, None, &[]).await;
    let long = data("2026-07-02T10:10:00Z", 1, 0);
    for time in [
        "2026-07-02T10:20:00Z",
        "2026-07-02T10:30:00Z",
        "2026-07-02T11:30:00Z",
    ] {
        let ended_at = time.parse().unwrap();
        rows.record(Record {
            ended_at,
            ..long.clone()
        })
        .await;
    }
    for time in ["2026-07-02T11:40:00Z", "2026-07-02T11:50:00Z"] {
        let session = None;
        rows.record(Record {
            session,
            ..data(time, 1, 0)
        })
        .await;
    }
    rows.record(sms("2026-07-02T11:55:00Z", 0, 1)).await;
    let hours = ask(&app, request("hourly", "", "2026-07-02", "2026-07-02")).await;
    let sessions: Vec<u32> = hours.iter().map(|hour| hour.sessions).collect();
    assert_eq!(sessions, [1, 3]);
    let days = ask(
        &app,
        request("daily", "Europe/Berlin", "2026-07-02", "2026-07-02"),
    )
    .await;
    assert_eq!((days[0].sessions, days[0].sms_mt), (3, 1));
}

#[tokio::test]
async fn the_hour_that_comes_twice_in_autumn_is_two_hours() {
    let app = TestApp::start().await;
    let mut rows = Rows::of(&app).await;
    rows.sim(ICCID, None, &[]).await;
    for (time, rx) in [
        ("2026-10-25T00:30:00Z", 1),
        ("2026-10-25T01:30:00Z", 2),
        ("2026-10-25T22:59:59Z", 4),
        ("2026-10-25T23:00:00Z", 8),
    ] {
        rows.record(data(time, rx, 0)).await;
    }
    let hours = ask(
        &app,
        request("hourly", "Europe/Berlin", "2026-10-25", "2026-10-25"),
    )
    .await;
    let expected = [
        ("2026-10-25T02:00:00+02:00", 1),
        ("2026-10-25T02:00:00+01:00", 2),
        ("2026-10-25T23:00:00+01:00", 4),
    ];
    let found: Vec<(&str, u64)> = hours
        .iter()
        .map(|hour| (hour.start.as_str(), hour.total))
        .collect();
    assert_eq!(found, expected);
    let days = ask(
        &app,
        request("daily", "Europe/Berlin", "2026-10-25", "2026-10-26"),
    )
    .await;
    let totals: Vec<u64> = days.iter().map(|day| day.total).collect();
    assert_eq!(totals, [7, 8]);
}

#[tokio::test]
async fn a_sim_of_another_organization_does_not_exist() {
    let app = world().await;
    let mut rows = Rows::of(&app).await;
    let ask = async |scope, iccid: i64| {
        let request = SimUsageRequest {
            scope,
            iccid: iccid.to_string(),
            ..request("daily", "", "2026-07-01", "2026-07-31")
        };
        let answer = app.call::<usage_rpc::SimUsage>(request).await;
        answer
            .map(|answer| answer.periods.len())
            .map_err(|error| error.code)
    };
    assert_eq!(ask(only(ORGANIZATION), ICCID).await, Ok(4));
    assert_eq!(ask(only(FOREIGN), ICCID).await, Err(ErrorCode::NotFound));
    assert_eq!(ask(all(), OTHER).await, Err(ErrorCode::NotFound));
    // It sent something, and no inventory knows it: only the platform sees it.
    rows.record(Record {
        iccid: OTHER,
        ..data("2026-07-02T10:00:00Z", 1, 0)
    })
    .await;
    assert_eq!(ask(all(), OTHER).await, Ok(1));
    assert_eq!(ask(only(ORGANIZATION), OTHER).await, Err(ErrorCode::NotFound));
    assert_eq!(ask(None, ICCID).await, Err(ErrorCode::Validation));
    assert_eq!(
        ask(only(uuid::Uuid::nil()), OTHER).await,
        Err(ErrorCode::Validation)
    );
}

#[tokio::test]
async fn limits_zones_and_words_are_checked() {
    let app = world().await;
    for (wrong, field) in [
        (request("yearly", "", "2026-07-01", "2026-07-02"), "granularity"),
        (request("daily", "Mars/Olympus", "2026-07-01", "2026-07-02"), "tz"),
        (request("hourly", "", "2026-07-01", "2026-08-01"), "end_date"),
        (request("monthly", "", "2024-07-01", "2026-07-02"), "end_date"),
        (request("daily", "", "2026-07-02", "2026-07-01"), "end_date"),
    ] {
        let error = app.call::<usage_rpc::SimUsage>(wrong).await.unwrap_err();
        assert_eq!(error.fields[0].0, field, "{error:?}");
    }
    ask(&app, request("hourly", "", "2026-07-01", "2026-07-31")).await;
    ask(&app, request("monthly", "", "2024-07-02", "2026-07-02")).await;
}
