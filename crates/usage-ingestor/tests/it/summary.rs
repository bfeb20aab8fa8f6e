use messages::pb::usage::{TopUsageRequest, UsageGroup, UsageSummaryRequest, UsageSummaryResponse};
use messages::{ErrorCode, usage_rpc};
use service_runtime::bus::RpcError;

use crate::harness::TestApp;
use crate::rows::{FOREIGN, ICCID, ORGANIZATION, OTHER, Record, Rows, all, data, only};

const FLEET: &str = "
    INSERT INTO operators VALUES (2, 'Example Mobile', '01', 74, 262, 'Germany'), (3, 'Other', '02', 75, 208, 'France');
    INSERT INTO fleet_usage_daily VALUES
        ('2026-07-01', '00000000-0000-0000-0000-00000000000a', 262, 2, 6, 0, 10, 1, 11, 0, 0),
        ('2026-07-01', '00000000-0000-0000-0000-00000000000a', 262, 2, 6, 1, 20, 2, 22, 0, 0),
        ('2026-07-02', '00000000-0000-0000-0000-00000000000a', 208, 3, 9, 0, 1, 1, 2, 1, 2),
        ('2026-07-02', '00000000-0000-0000-0000-00000000000a', 0, 0, -1, 0, 5, 5, 10, 0, 0),
        ('2026-07-02', '00000000-0000-0000-0000-00000000000b', 999, 77, 4, 0, 500, 500, 1000, 0, 0),
        ('2026-07-02', '00000000-0000-0000-0000-000000000000', 262, 2, 0, 0, 0, 7, 7, 0, 0),
        ('2026-08-01', '00000000-0000-0000-0000-00000000000a', 262, 2, 6, 0, 1, 1, 2, 0, 0)";

fn request(group_by: &str, tag: &str) -> UsageSummaryRequest {
    UsageSummaryRequest {
        scope: all(),
        start_date: "2026-07-01".into(),
        end_date: "2026-07-31".into(),
        group_by: group_by.into(),
        tag: tag.into(),
    }
}

async fn ask(app: &TestApp, request: UsageSummaryRequest) -> UsageSummaryResponse {
    app.call::<usage_rpc::UsageSummary>(request).await.unwrap()
}

fn shorts(groups: &[UsageGroup]) -> Vec<(&str, &str, u64)> {
    let groups = groups.iter();
    groups
        .map(|group| (group.key.as_str(), group.name.as_str(), group.total))
        .collect()
}

#[tokio::test]
async fn the_fleet_is_summed_by_day_country_operator_and_rat() {
    let app = TestApp::start().await;
    Rows::of(&app).await.run(FLEET).await;
    let sum = ask(&app, request("", "")).await;
    assert_eq!(sum.groups, []);
    let sum = sum.sum.unwrap();
    assert_eq!(
        (sum.rx, sum.tx, sum.total, sum.sms_mo, sum.sms_mt),
        (536, 516, 1052, 1, 2)
    );
    let days = ask(&app, request("day", "")).await.groups;
    let expected = [
        ("2026-07-01", "2026-07-01", 33),
        ("2026-07-02", "2026-07-02", 1019),
    ];
    assert_eq!(shorts(&days), expected);
    let countries = ask(&app, request("country", "")).await.groups;
    let expected = [
        ("999", "MCC 999", 1000),
        ("262", "Germany", 40),
        ("", "not broken down", 10),
        ("208", "France", 2),
    ];
    assert_eq!(shorts(&countries), expected);
    let operators = ask(&app, request("operator", "")).await.groups;
    let expected = [
        ("77", "operator 77", 1000),
        ("2", "Example Mobile", 40),
        ("", "not broken down", 10),
        ("3", "Other", 2),
    ];
    assert_eq!(shorts(&operators), expected);
    let rats = ask(&app, request("rat", "")).await.groups;
    let expected = [
        ("4", "RAT 4", 1000),
        ("6", "LTE", 33),
        ("", "not broken down", 10),
        ("0", "unknown", 7),
        ("9", "CAT-M", 2),
    ];
    assert_eq!(shorts(&rats), expected);
}

#[tokio::test]
async fn an_organization_sees_its_own_part_and_no_sim_that_nobody_knows() {
    let app = TestApp::start().await;
    let mut rows = Rows::of(&app).await;
    rows.run(FLEET).await;
    let ask = async |organization| {
        let request = UsageSummaryRequest {
            scope: only(organization),
            ..request("country", "")
        };
        ask(&app, request).await
    };
    let own = ask(ORGANIZATION).await;
    let expected = [
        ("262", "Germany", 33),
        ("", "not broken down", 10),
        ("208", "France", 2),
    ];
    assert_eq!(shorts(&own.groups), expected);
    assert_eq!(own.sum.unwrap().total, 45);
    assert_eq!(ask(FOREIGN).await.sum.unwrap().total, 1000);
}

/// Two SIMs of one organization, one of another.
async fn tagged() -> TestApp {
    let app = TestApp::start().await;
    let mut rows = Rows::of(&app).await;
    rows.sim(ICCID, Some(ORGANIZATION), &["north", "pump"]).await;
    rows.sim(OTHER, Some(ORGANIZATION), &["north"]).await;
    rows.sim(OTHER + 8, Some(FOREIGN), &["north"]).await;
    rows.record(data("2026-07-01T10:00:00Z", 100, 10)).await;
    rows.record(data("2026-07-02T10:00:00Z", 1, 0)).await;
    for (iccid, rx) in [(OTHER, 50), (OTHER + 8, 7)] {
        let record = data("2026-07-02T10:00:00Z", rx, 0);
        rows.record(Record { iccid, ..record }).await;
    }
    rows.api_day(OTHER, "2026-07-02", (900_000, 0), (4, 0)).await;
    app
}

#[tokio::test]
async fn tags_are_summed_from_the_days_of_their_sims() {
    let app = tagged().await;
    let tags = ask(&app, request("tag", "")).await.groups;
    assert_eq!(
        shorts(&tags),
        [("north", "north", 900_118), ("pump", "pump", 111)]
    );
    assert_eq!((tags[0].sims, tags[0].sms_mo, tags[1].sims), (3, 4, 1));
    let own = UsageSummaryRequest {
        scope: only(ORGANIZATION),
        ..request("tag", "")
    };
    assert_eq!(ask(&app, own).await.groups[0].total, 900_111);
    let days = ask(&app, request("day", "pump")).await;
    assert_eq!(
        shorts(&days.groups),
        [("2026-07-01", "2026-07-01", 110), ("2026-07-02", "2026-07-02", 1)]
    );
    let sum = days.sum.unwrap();
    assert_eq!((sum.total, sum.sims), (111, 1));
    let nothing = ask(&app, request("", "south")).await.sum.unwrap();
    assert_eq!((nothing.total, nothing.sims), (0, 0));
}

#[tokio::test]
async fn a_summary_names_what_cannot_be_used() {
    let app = TestApp::start().await;
    let longer = |group_by: &str, tag: &str, start: &str| UsageSummaryRequest {
        start_date: start.into(),
        ..request(group_by, tag)
    };
    for (wrong, field) in [
        (request("colour", ""), "group_by"),
        (request("country", "north"), "tag"),
        (longer("tag", "", "2026-04-30"), "end_date"),
        (longer("", "north", "2026-04-30"), "end_date"),
        (longer("day", "", "2024-07-30"), "end_date"),
    ] {
        let error = app.call::<usage_rpc::UsageSummary>(wrong).await.unwrap_err();
        assert_eq!(error.fields[0].0, field, "{error:?}");
    }
    ask(&app, longer("tag", "", "2026-05-01")).await;
    ask(&app, longer("day", "", "2024-07-31")).await;
}

fn top(by: &str, limit: u32) -> TopUsageRequest {
    TopUsageRequest {
        scope: all(),
        start_date: "2026-07-01".into(),
        end_date: "2026-07-07".into(),
        by: by.into(),
        limit,
        tag: String::new(),
    }
}

async fn find(app: &TestApp, request: TopUsageRequest) -> Result<Vec<(i64, u64)>, RpcError> {
    let answer = app.call::<usage_rpc::TopUsage>(request).await?;
    let sims = answer.sims.iter();
    Ok(sims.map(|sim| (sim.iccid.parse().unwrap(), sim.total)).collect())
}

#[tokio::test]
async fn the_largest_users_are_found_in_scope_by_each_measure() {
    let app = tagged().await;
    let largest = find(&app, top("total", 2)).await.unwrap();
    assert_eq!(largest, [(OTHER, 900_000), (ICCID, 111)]);
    assert_eq!(find(&app, top("tx", 100)).await.unwrap(), [(ICCID, 111)]);
    assert_eq!(find(&app, top("sms_mo", 100)).await.unwrap(), [(OTHER, 900_000)]);
    let foreign = TopUsageRequest {
        scope: only(FOREIGN),
        ..top("total", 100)
    };
    assert_eq!(find(&app, foreign).await.unwrap(), [(OTHER + 8, 7)]);
    let pumps = TopUsageRequest {
        tag: "pump".into(),
        ..top("rx", 100)
    };
    assert_eq!(find(&app, pumps).await.unwrap(), [(ICCID, 111)]);
    for (by, limit) in [("colour", 1), ("total", 0), ("total", 101)] {
        let error = find(&app, top(by, limit)).await.unwrap_err();
        assert_eq!(error.code, ErrorCode::Validation, "{by} {limit}");
    }
}

#[tokio::test]
async fn the_same_question_is_answered_from_memory_and_another_is_not() {
    let app = tagged().await;
    let before = find(&app, top("total", 1)).await.unwrap();
    let mut rows = Rows::of(&app).await;
    rows.record(data("2026-07-03T10:00:00Z", 5_000_000, 0)).await;
    assert_eq!(find(&app, top("total", 1)).await.unwrap(), before);
    assert_eq!(find(&app, top("total", 3)).await.unwrap()[0], (ICCID, 5_000_111));
    let own = TopUsageRequest {
        scope: only(ORGANIZATION),
        ..top("total", 1)
    };
    assert_eq!(find(&app, own).await.unwrap(), [(ICCID, 5_000_111)]);
}

#[tokio::test]
async fn equal_questions_at_the_same_time_are_asked_once() {
    let app = tagged().await;
    let mut rows = Rows::of(&app).await;
    // Questions wait for this lock; how many, the server tells.
    rows.run("BEGIN; LOCK TABLE sim_usage_daily IN ACCESS EXCLUSIVE MODE")
        .await;
    let answers = async {
        let ask = |_| find(&app, top("total", 7));
        futures_util::future::join_all((0..20).map(ask)).await
    };
    let mut watcher = app.connection().await;
    let watch = async {
        let waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
            AND wait_event_type = 'Lock' AND query LIKE '%FROM sim_usage_daily%'";
        let count = async |watcher: &mut sqlx::PgConnection| -> i64 {
            sqlx::query_scalar(waiting).fetch_one(watcher).await.unwrap()
        };
        while count(&mut watcher).await == 0 {
            tokio::task::yield_now().await;
        }
        // Another question passes through the same queue behind the twenty, so they have all arrived.
        let other = find(&app, top("sms_mt", 7));
        let release = async {
            while count(&mut watcher).await < 2 {
                tokio::task::yield_now().await;
            }
            let seen = count(&mut watcher).await;
            rows.run("ROLLBACK").await;
            seen
        };
        tokio::join!(other, release).1
    };
    let (answers, seen) = tokio::time::timeout(std::time::Duration::from_secs(20), async {
        tokio::join!(answers, watch)
    })
    .await
    .unwrap();
    assert_eq!(seen, 2, "the twenty are one question");
    assert!(answers.iter().all(|answer| *answer == answers[0]));
}
