//! The numbers that an operator sees, and what must never be among them.

use std::sync::Arc;

use metrics_exporter_prometheus::PrometheusBuilder;
use once_client::{Generations, Lane, OnceClient};
use once_emulator::{Fault, FaultBody, FaultKind};

use crate::support::{World, pool, redis_url};

#[tokio::test]
async fn calls_repeats_grants_and_tokens_are_counted_without_any_card_number() {
    let world = World::unlimited().await;
    let recorder = PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    let mut config = world.config();
    config.generations = Generations::V2Only;
    let client = OnceClient::new(config, Some(pool(&redis_url())), Arc::new(recorder)).unwrap();
    let iccid = world.iccids(&client, 1).await[0];
    let failing = Fault::new(FaultKind::Status, "/v2/sims")
        .status(500, FaultBody::Json)
        .times(1);
    let throttling = Fault::new(FaultKind::Throttle, "/v2/sims").times(1);
    for fault in [failing, throttling] {
        world.control.faults_add(&fault).await.unwrap();
        client.get_sim(Lane::Command, iccid).await.unwrap();
    }
    let text = handle.render();
    let value = |line: &str| {
        text.lines()
            .find_map(|row| row.strip_prefix(line)?.trim().parse::<f64>().ok())
            .unwrap_or_else(|| panic!("{line} is missing in\n{text}"))
    };
    let calls = |status: u16| {
        value(&format!(
            r#"once_calls_total{{account="main",endpoint="GET /sims/{{iccid}}",generation="v2",status="{status}"}}"#
        ))
    };
    assert_eq!((calls(200), calls(500), calls(429)), (2.0, 1.0, 1.0));
    let endpoint = r#"{account="main",endpoint="GET /sims/{iccid}"}"#;
    assert_eq!(value(&format!("once_retries_total{endpoint}")), 2.0);
    assert_eq!(value(r#"once_throttled_total{account="main",group="sims"}"#), 1.0);
    let lane = r#"{account="main",group="sims",lane="command"}"#;
    assert_eq!(value(&format!("once_budget_grants_total{lane}")), 4.0);
    assert_eq!(
        value(r#"once_token_refreshes_total{account="main",result="ok"}"#),
        1.0
    );
    assert_eq!(
        value(r#"once_breaker_open{account="main",group="sims",generation="v2"}"#),
        0.0
    );
    assert!(
        !text.contains(&iccid.to_string()),
        "a card number is in the metrics"
    );
    assert!(!text.contains(crate::support::SECRET));
}

#[tokio::test]
async fn vain_waits_repeats_after_a_401_and_throttled_logins_are_counted() {
    let world = World::unlimited().await;
    let recorder = PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    let mut config = world.config();
    config.generations = Generations::V2Only;
    config.lane_max_wait[1] = Some(std::time::Duration::from_millis(50));
    let client = OnceClient::new(config, Some(pool(&redis_url())), Arc::new(recorder)).unwrap();
    world.only(Generations::V2Only).login().await.unwrap();
    client.list_sims(Lane::Command, 1, 1).await.unwrap_err();
    client.list_sims(Lane::Interactive, 1, 1).await.unwrap();
    world.control.revoke_tokens().await.unwrap();
    client.list_sims(Lane::Interactive, 1, 1).await.unwrap();
    let throttle = Fault::new(FaultKind::Throttle, "/oauth/token").times(1);
    world.control.faults_add(&throttle).await.unwrap();
    client.login().await.unwrap_err();

    let text = handle.render();

    for line in [
        r#"once_budget_timeouts_total{account="main",group="sims",lane="command"} 1"#,
        r#"once_budget_wait_seconds_count{account="main",group="sims",lane="command"} 1"#,
        r#"once_retries_total{account="main",endpoint="GET /sims"} 1"#,
        r#"once_throttled_total{account="main",group="oauth"} 1"#,
    ] {
        assert!(text.contains(line), "{line} is missing in\n{text}");
    }
}
