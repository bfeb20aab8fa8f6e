//! Published rate limits (FACTS §3).

use std::time::{Duration, Instant};

use once_emulator::{CallFilter, EmulatorConfig, Fault, FaultKind};
use serde_json::json;

use crate::lab::{ID, Lab, iccid};

#[tokio::test]
async fn no_customer_gets_more_than_ten_calls_into_any_second() {
    let config = EmulatorConfig::default().with_settings(|s| s.refused_calls_count = false);
    let lab = Lab::start(config).await;
    let start = Instant::now();
    let (mut refused, mut passed) = (0, 0);
    while refused <= 10 || passed < 30 {
        match lab.get("/v1/sims?pageSize=1").await.status {
            429 => refused += 1,
            status => passed += usize::from(status == 200),
        }
        assert!(
            start.elapsed() < Duration::from_secs(30),
            "{refused} refused, {passed} passed"
        );
    }
    let calls = lab
        .control
        .calls(&CallFilter {
            path: Some("/sims".to_owned()),
            ..Default::default()
        })
        .await
        .unwrap();
    let admitted: Vec<u64> = calls
        .iter()
        .filter(|c| c.status == Some(200))
        .map(|c| c.at_ms)
        .collect();
    for from in &admitted {
        let inside = admitted
            .iter()
            .filter(|at| (*from..from + 999).contains(at))
            .count();
        assert!(inside <= 10, "{inside} calls after {from}");
    }
    assert_eq!(admitted.len(), passed);
    assert!(
        start.elapsed() >= Duration::from_secs(2),
        "thirty calls take two seconds"
    );
    let stats = lab.control.stats().await.unwrap();
    assert_eq!((stats.violations, stats.throttled), (refused, refused));
    assert_eq!(stats.customers[ID].max_admitted_in_any_second, 10);
    assert!(stats.max_in_any_second > 10);
    assert!(
        calls
            .iter()
            .filter(|c| c.status == Some(429))
            .all(|c| c.fault.as_deref() == Some("rate_limit"))
    );
}

/// One call in ten minutes, so that a slow machine cannot free a place.
fn one_call() -> EmulatorConfig {
    let config = EmulatorConfig::default().with_rate(1);
    config.with_settings(|s| s.rate_window_ms = 600_000)
}

#[tokio::test]
async fn all_sim_paths_of_both_versions_share_one_window_and_customers_do_not() {
    let config = EmulatorConfig::default()
        .with_fleet(20)
        .with_rate(4)
        .with_customer("990002_other", "s2")
        .with_settings(|s| s.rate_window_ms = 600_000);
    let mut lab = Lab::start(config).await;
    let paths = [
        "/v1/sims".to_owned(),
        "/v2/sims".to_owned(),
        format!("/v1/sims/{}", iccid(0)),
    ];
    for path in &paths {
        assert_eq!(lab.get(path).await.status, 200);
    }
    assert_eq!(
        lab.put(&format!("/v1/sims/{}", iccid(1)), json!({})).await.status,
        200
    );
    assert_eq!(lab.get(&paths[1]).await.status, 429);
    assert_eq!(lab.get("/v1/products").await.status, 200, "another group");
    lab.token = lab.login("990002_other", "s2").await;
    assert_eq!(lab.get(&paths[0]).await.status, 200, "another customer");
}

#[tokio::test]
async fn the_api_users_of_one_account_share_its_fleet_and_its_window() {
    let config = one_call()
        .with_fleet(20)
        .with_rate(2)
        .with_customer("990001_second", "s2");
    let mut lab = Lab::start(config).await;
    assert_eq!(lab.page(1, 100).await.len(), 20);
    lab.token = lab.login("990001_second", "s2").await;
    let page = lab.get("/v2/sims?pageSize=1").await;
    assert_eq!(
        (page.status, page.json()[0]["iccid"].as_str()),
        (200, Some(iccid(0).as_str()))
    );
    assert_eq!(
        lab.get("/v2/sims").await.status,
        429,
        "the third call of the account"
    );
    let stats = lab.control.stats().await.unwrap();
    assert_eq!((stats.fleet, stats.violations), (20, 1));
    assert_eq!(stats.customers[ID], stats.customers["990001_second"]);
    let calls = lab.control.calls(&CallFilter::default()).await.unwrap();
    assert_eq!(calls.last().unwrap().customer.as_deref(), Some("990001_second"));
}

#[tokio::test]
async fn a_call_over_the_limit_does_not_spend_a_fault() {
    let lab = Lab::start(one_call()).await;
    assert_eq!(lab.get("/v1/sims").await.status, 200);
    let fault = Fault::new(FaultKind::Status, "/v1/sims").times(1);
    lab.control.faults_add(&fault).await.unwrap();
    assert_eq!(lab.get("/v1/sims").await.status, 429);
    let faults = lab.control.faults().await.unwrap();
    assert_eq!((faults[0].hits, faults[0].fault.count), (0, Some(1)));
    lab.control.config(&json!({"rate_per_second": 0})).await.unwrap();
    assert_eq!(lab.get("/v1/sims").await.status, 500, "now it happens");
    assert_eq!(lab.get("/v1/sims").await.status, 200);
}

#[tokio::test]
async fn spoiled_calls_count_as_arrived() {
    let lab = Lab::start(one_call()).await;
    let throttle = Fault::new(FaultKind::Throttle, "/v1/sims").times(3);
    lab.control.faults_add(&throttle).await.unwrap();
    for expected in [429, 429, 429, 200] {
        assert_eq!(lab.get("/v1/sims").await.status, expected);
    }
    let stats = lab.control.stats().await.unwrap();
    assert_eq!((stats.max_in_any_second, stats.violations), (4, 0));
    assert_eq!(stats.customers[ID].max_admitted_in_any_second, 1);
}

#[tokio::test]
async fn retry_after_is_a_switch() {
    let lab = Lab::start(one_call()).await;
    assert_eq!(lab.get("/v1/sims").await.status, 200);
    let bare = lab.get("/v1/sims").await;
    assert_eq!((bare.status, bare.header("retry-after")), (429, None));
    lab.control.config(&json!({"retry_after": true})).await.unwrap();
    let told = lab.get("/v1/sims").await;
    assert_eq!(told.status, 429);
    assert!((590..=600).contains(&told.number("retry-after")));
}

#[tokio::test]
async fn time_travel_does_not_refill_the_window() {
    let lab = Lab::start(one_call()).await;
    lab.get("/v1/sims").await;
    lab.control.advance_time(60).await.unwrap();
    assert_eq!(lab.get("/v1/sims").await.status, 429);
}

#[tokio::test]
async fn orders_products_support_and_login_have_limits_per_address() {
    let config = EmulatorConfig::default().with_settings(|s| {
        s.management_per_5_minutes = 2;
        s.oauth_per_minute = 3;
    });
    let lab = Lab::start(config).await;
    for path in ["/v1/orders", "/v1/products", "/v1/support"] {
        let mut statuses = Vec::new();
        for _ in 0..3 {
            statuses.push(lab.get(path).await.status);
        }
        assert_eq!(statuses, [200, 200, 429], "{path}");
    }
    assert_eq!(lab.ask_token(ID, "emulator-secret").await.status, 200);
    assert_eq!(
        lab.ask_token(ID, "wrong").await.status,
        400,
        "a failed login counts"
    );
    assert_eq!(lab.ask_token(ID, "emulator-secret").await.status, 429);
    assert_eq!(lab.control.stats().await.unwrap().violations, 4);
}
