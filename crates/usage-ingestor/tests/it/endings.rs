use once_emulator::{EmulatorConfig, Ended, Manner};
use test_support::eventually;
use uuid::Uuid;

use crate::harness::TestApp;
use crate::readings::{know_fleet, read};
use crate::unread::status;

/// All of v1, and usage alone.
const PATHS: [&str; 2] = ["/v1/", "/v1/sims/*/usage$"];
const FLEET: u32 = 4;

async fn start(path: &str, manner: Manner, v2_usage: bool) -> TestApp {
    let ended = Ended::new(path, manner);
    let emulator = EmulatorConfig::default()
        .with_fleet(FLEET)
        .without_limits()
        .with_settings(|settings| {
            settings.ended = vec![ended];
            settings.v2_usage = v2_usage;
        });
    // The client repeats what hangs.
    let timeout = if manner == Manner::Hang { "400" } else { "1500" };
    let settings = [("readings_in_flight", "1"), ("once.call_timeout_ms", timeout)];
    TestApp::start_with(emulator, &settings).await
}

/// No SIM was blamed, and none is put off for longer than until the API is asked again.
async fn assert_no_sim_pays(app: &TestApp, what: &str) {
    let blamed: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM sync_state
         WHERE attempts > 0 OR failed_at IS NOT NULL OR due_at > now() + interval '2 hours' AND last_read_at IS NULL",
    )
    .fetch_one(&mut app.connection().await)
    .await
    .unwrap();
    assert_eq!(blamed, 0, "{what}");
}

async fn stop(app: TestApp) {
    app.shared
        .shutdown
        .finish(std::time::Duration::from_secs(10))
        .await;
}

#[tokio::test]
async fn in_whichever_manner_v1_ends_readings_go_on_through_v2() {
    for manner in Manner::ANSWERING {
        for path in PATHS {
            let app = start(path, manner, true).await;
            know_fleet(&app, Uuid::from_u128(7)).await;
            read(&app, FLEET as usize).await;
            assert_no_sim_pays(&app, &format!("{path} {manner:?}")).await;
            let (_, readings) = status(&app).await.unwrap();
            assert_eq!(
                (readings.available, readings.why.as_str()),
                (true, ""),
                "{path} {manner:?}"
            );
            stop(app).await;
        }
    }
}

#[tokio::test]
async fn where_nobody_offers_usage_any_more_readings_pause_say_why_and_cost_no_sim_an_attempt() {
    for manner in Manner::ANSWERING {
        for path in PATHS {
            let what = format!("{path} {manner:?}");
            let app = start(path, manner, false).await;
            know_fleet(&app, Uuid::from_u128(7)).await;
            let readings = eventually(&format!("the readings pause: {what}"), || async {
                let (_, readings) = status(&app).await?;
                anyhow::ensure!(readings.paused_since.is_some(), "{readings:?}");
                Ok(readings)
            })
            .await;
            // A redirect or a page may be a proxy's and pass; everything else is a word.
            let passes = matches!(
                manner,
                Manner::RedirectToPage | Manner::RedirectToV2 | Manner::OkHtml
            );
            assert!(!readings.available || passes, "{what}: {readings:?}");
            assert!(!readings.why.is_empty(), "{what}");
            assert_eq!(
                (readings.read_last_day, readings.failed_last_day),
                (0, 0),
                "{what}"
            );
            assert_no_sim_pays(&app, &what).await;
            stop(app).await;
        }
    }
}

#[tokio::test]
async fn where_v1_hangs_readings_go_on_or_pause_and_say_so() {
    for path in PATHS {
        let app = start(path, Manner::Hang, true).await;
        know_fleet(&app, Uuid::from_u128(7)).await;
        if path == PATHS[0] {
            read(&app, FLEET as usize).await;
        } else {
            // After no answer nobody knows of whom it is: the other generation is not called.
            let readings = eventually("the readings pause", || async {
                let (_, readings) = status(&app).await?;
                anyhow::ensure!(readings.paused_since.is_some(), "{readings:?}");
                Ok(readings)
            })
            .await;
            assert!(!readings.why.is_empty());
            assert_eq!(readings.failed_last_day, 0);
        }
        assert_no_sim_pays(&app, path).await;
        stop(app).await;
    }
}

#[tokio::test]
async fn only_a_sim_that_1nce_itself_does_not_know_is_put_off_for_a_week() {
    let app = start("/v1/nothing", Manner::NotFoundJson, false).await;
    sqlx::query(
        "INSERT INTO sims (iccid, organization_id, account, revision) VALUES (8988999000000999996, $1, 'main', 1)",
    )
    .bind(Uuid::from_u128(7))
    .execute(&mut app.connection().await)
    .await
    .unwrap();

    let error: String = eventually("it is put off", || async {
        let error = sqlx::query_scalar(
            "SELECT last_error FROM sync_state WHERE due_at > now() + interval '6 days' AND last_read_at IS NULL",
        );
        Ok(error.fetch_one(&mut app.connection().await).await?)
    })
    .await;

    assert_eq!(error, "1NCE does not know the SIM");
}
