use gateway::Permission;
use messages::ErrorCode;
use messages::pb::usage as pb;
use serde_json::json;
use service_runtime::bus::RpcError;

use crate::harness::{App, ICCID, is_whole, send};

fn row(iccid: &str, day: &str, total: u64) -> pb::DailyUsage {
    pb::DailyUsage {
        iccid: iccid.to_owned(),
        day: day.to_owned(),
        total,
        source: "stream".to_owned(),
        ..pb::DailyUsage::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn usage_of_a_sim_has_every_day_and_a_summary() {
    let app = App::start().await;
    let key = app.world.key_for(&[Permission::ReadUsage], None).await;
    app.world.usage.state().periods = vec![pb::UsagePeriod {
        start: "2026-06-02".to_owned(),
        rx: 10,
        tx: 20,
        total: 30,
        sessions: 2,
        source: "stream".to_owned(),
        ..pb::UsagePeriod::default()
    }];

    let path =
        format!("/api/v1/sims/{ICCID}/usage?start_date=2026-06-01&end_date=2026-06-03&tz=Europe/Berlin");
    let answer = app.gateway.get(&path, &key).await.expect(200).body;

    let data = &answer["data"];
    assert_eq!(
        data["period"],
        json!({"start": "2026-06-01", "end": "2026-06-03"})
    );
    assert_eq!(data["usage"].as_array().unwrap().len(), 3);
    assert_eq!(data["usage"][1]["session_count"], 2);
    assert_eq!(data["summary"]["average_daily_volume"], 10);
    let asked = app.world.usage.state().sim_usage.remove(0);
    assert_eq!(
        (
            asked.iccid.as_str(),
            asked.time_zone.as_str(),
            asked.granularity.as_str()
        ),
        (ICCID, "Europe/Berlin", "daily")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_organizations_key_asks_in_its_scope_and_the_services_refusals_are_told() {
    let app = App::start().await;
    let organization = app.world.organization().await;
    let key = app
        .world
        .key_for(&[Permission::ReadUsage], Some(organization))
        .await;

    app.gateway
        .get("/api/v1/usage/summary?group_by=country", &key)
        .await
        .expect(200);
    app.gateway
        .get("/api/v1/usage/top?limit=3", &key)
        .await
        .expect(200);
    app.gateway
        .get(&format!("/api/v1/sims/{ICCID}/usage"), &key)
        .await
        .expect(200);
    let more = app
        .gateway
        .get("/api/v1/usage/differences", &key)
        .await
        .expect(200)
        .body;

    assert_eq!(
        more["pagination"],
        json!({"page_size": 50, "has_next": true, "next_cursor": "more"})
    );
    {
        let state = app.world.usage.state();
        let scopes = [
            state.summaries[0].scope.clone(),
            state.tops[0].scope.clone(),
            state.sim_usage[0].scope.clone(),
            state.differences[0].scope.clone(),
        ];
        for scope in scopes {
            assert_eq!(scope, Some(domain::Scope::Organization(organization).into()));
        }
    }
    for (error, status) in [
        (RpcError::not_found("this SIM"), 404),
        (RpcError::field("tz", "is no time zone"), 422),
        (
            RpcError::new(ErrorCode::Unavailable, "the database does not answer"),
            503,
        ),
    ] {
        app.world.usage.state().error = Some(error);
        app.gateway
            .get(&format!("/api/v1/sims/{ICCID}/usage"), &key)
            .await
            .expect(status);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_period_that_is_too_long_is_told_the_earliest_day() {
    let app = App::start().await;
    let key = app.world.key_for(&[Permission::ReadUsage], None).await;
    let from = |day: &str| {
        format!("/api/v1/sims/{ICCID}/usage?granularity=hourly&start_date={day}&end_date=2026-11-30")
    };

    app.gateway.get(&from("2026-10-31"), &key).await.expect(200);
    let refused = app.gateway.get(&from("2026-10-30"), &key).await.expect(422).body;

    let fault = &refused["error"]["details"]["fields"][0];
    assert_eq!(
        (fault["field"].as_str(), fault["reason"].as_str()),
        (Some("start_date"), Some("is at most 30 days before the end"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn another_organizations_sim_has_no_usage_to_export_and_none_to_read() {
    let app = App::start().await;
    let key = app
        .world
        .key_for(&[Permission::ReadUsage, Permission::WriteSims], None)
        .await;

    app.world.usage.state().error = Some(RpcError::not_found("this SIM"));
    app.gateway
        .get(
            &format!("/api/v1/usage/export?iccid={ICCID}&start_date=2026-06-01&end_date=2026-06-02"),
            &key,
        )
        .await
        .expect(404);
    app.world.usage.state().error = Some(RpcError::not_found("this SIM"));
    app.gateway
        .post("/api/v1/sync/usage", &key, json!({ "iccid": ICCID }))
        .await
        .expect(404);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_export_is_whole_or_ends_with_an_error() {
    let app = App::start().await;
    let key = app.world.key_for(&[Permission::ReadUsage], None).await;
    let get = || {
        app.gateway
            .request(
                "GET",
                "/api/v1/usage/export?start_date=2026-06-01&end_date=2026-06-02",
            )
            .header("X-API-Key", &key)
    };
    app.world.usage.state().pages = (0..3)
        .map(|page| vec![row(ICCID, &format!("2026-06-0{}", page + 1), page); 2])
        .collect();

    let answer = get().send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "text/csv; charset=utf-8");
    assert_eq!(
        answer.headers()["content-disposition"],
        "attachment; filename=\"usage_2026-06-01_2026-06-02.csv\""
    );
    let text = answer.text().await.unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 7);
    assert!(lines[0].starts_with("iccid,date,volume_rx"));
    assert_eq!(lines[6], format!("{ICCID},2026-06-03,0,0,2,0,0,0,stream"));

    // An error behind the first byte must not look like the end.
    app.world.usage.state().lost_page = Some(1);
    assert!(!is_whole(get()).await, "a part was taken for the whole");
    // Before it, it is an answer like any other.
    app.world.usage.state().lost_page = Some(0);
    send(get()).await.expect(500);
}
