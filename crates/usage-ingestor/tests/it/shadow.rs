use chrono::{Days, Utc};
use messages::pb::usage::ShadowReading;
use once_emulator::{CallFilter, EmulatorConfig, UsageShape};
use test_support::eventually;
use uuid::Uuid;

use crate::harness::TestApp;
use crate::readings::{know_fleet, read};
use crate::told_api::ToldApi;
use crate::unread::{know, rejects, status};

const FLEET: u32 = 20;

async fn start(v2_usage: bool, shape: UsageShape) -> TestApp {
    let emulator = EmulatorConfig::default()
        .with_fleet(FLEET)
        .without_limits()
        .with_settings(|settings| {
            settings.v2_usage = v2_usage;
            settings.v2_usage_shape = shape;
        });
    let app = TestApp::start_with(emulator, &[]).await;
    know_fleet(&app, Uuid::from_u128(7)).await;
    app
}

async fn compared(app: &TestApp) -> ShadowReading {
    eventually("v2 is compared with v1", || async {
        let (_, readings) = status(app).await?;
        readings.shadow.ok_or_else(|| anyhow::anyhow!("not yet"))
    })
    .await
}

#[tokio::test]
async fn while_both_live_one_sim_a_day_is_read_through_both_and_the_result_is_shown() {
    let app = start(true, UsageShape::V1).await;
    read(&app, FLEET as usize).await;

    let shadow = compared(&app).await;

    assert_eq!(shadow.outcome, "agrees", "{shadow:?}");
    let today = Utc::now().date_naive();
    assert_eq!(shadow.to_day, (today - Days::new(1)).to_string());
    assert!(shadow.read_at.is_some());
    eventually("the metric shows it", || async {
        let text = app.shared.metrics.render();
        anyhow::ensure!(
            text.contains(r#"simward_usage_shadow_reading{outcome="agrees"} 1"#),
            "{text}"
        );
        anyhow::ensure!(
            text.contains(r#"simward_usage_shadow_reading{outcome="differs"} 0"#),
            "{text}"
        );
        Ok(())
    })
    .await;
    let calls = app.control().calls(&CallFilter::default()).await.unwrap();
    let through_v2 = calls
        .iter()
        .filter(|call| call.path.contains("/v2/") && call.path.ends_with("/usage"));
    let paths: Vec<&str> = through_v2.map(|call| call.path.as_str()).collect();
    assert_eq!(paths.len(), 1, "one a day: {paths:?}");
    assert!(paths[0].contains(&shadow.iccid));
}

#[tokio::test]
async fn another_shape_of_v2_is_kept_as_it_came_and_costs_no_sim_a_reading() {
    let app = start(true, UsageShape::Daily).await;
    read(&app, FLEET as usize).await;

    let shadow = compared(&app).await;

    assert_eq!(shadow.outcome, "unreadable", "{shadow:?}");
    let kept = rejects(&app).await;
    assert!(
        !kept.is_empty() && kept.iter().all(|reject| reject.reason.starts_with("v2: ")),
        "{kept:?}"
    );
    let text = String::from_utf8_lossy(&kept[0].raw).into_owned();
    assert!(text.contains("volume"), "{text}");
    let (_, readings) = status(&app).await.unwrap();
    assert_eq!((readings.failed_last_day, readings.available), (0, true));
}

#[tokio::test]
async fn where_v2_has_no_usage_everybody_knows_before_v1_ends() {
    let app = start(false, UsageShape::V1).await;
    read(&app, FLEET as usize).await;

    let shadow = compared(&app).await;

    assert_eq!(shadow.outcome, "not_offered", "{shadow:?}");
    assert!(!shadow.what.is_empty());
}

#[tokio::test]
async fn directions_that_v2_tells_the_other_way_round_are_named() {
    let api = ToldApi::start().await;
    let day = Utc::now().date_naive() - Days::new(1);
    let told = |mt: u32, mo: u32| {
        format!(
            r#"[{{"date":"{day}","data":{{"volume":"3","volume_tx":"2","volume_rx":"1"}},
               "sms":{{"volume":"3","volume_tx":"{mt}","volume_rx":"{mo}"}}}}]"#
        )
    };
    api.tell(&told(1, 2), Some(&told(2, 1)));
    let app = crate::unread::start(&api).await;
    know(&app).await;

    let shadow = compared(&app).await;

    assert_eq!(shadow.outcome, "differs");
    assert_eq!(shadow.what, format!("MO and MT are swapped ({day})"));
}
