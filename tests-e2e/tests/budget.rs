//! Many replicas under one budget. A program of its own, because no other test may slow the calls down while they are
//! counted in windows of a second.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use anyhow::ensure;
use once_emulator::EmulatorConfig;
use test_support::{eventually, eventually_within};
use tests_e2e::Sandbox;

#[tokio::test]
async fn three_replicas_share_one_budget_use_it_and_cause_no_429() {
    let emulator = EmulatorConfig::default().with_fleet(400).with_rate(10);
    // One reading follows the other, so that there is more to ask than 1NCE allows for as long as it takes.
    let settings = [("SIMWARD__SIM__PAGE_SIZE", "4"), ("SIMWARD_SWEEP_INTERVAL", "1")];
    let mut sandbox = Sandbox::start(emulator, &settings).await;
    sandbox.add_process().await;
    sandbox.add_process().await;
    let sims = eventually("the sweep has begun", || async {
        let sims = sandbox.all_sims().await?;
        ensure!(!sims.is_empty(), "no SIM yet");
        Ok(sims)
    })
    .await;
    sandbox.once().reset_calls().await.unwrap();

    // People ask through every replica while the sweep takes all that is left.
    eventually_within(Duration::from_secs(60), "the sweep takes 80 pages", || async {
        let stats = sandbox.once().stats().await?;
        ensure!(stats.calls >= 80, "{stats:?}");
        Ok(())
    })
    .await;
    for process in &sandbox.processes {
        let path = format!("/api/v1/sims/{}?refresh=true", sims[0]["iccid"].as_str().unwrap());
        process.get(&path).await.unwrap();
    }

    let stats = sandbox.once().stats().await.unwrap();
    assert_eq!((stats.violations, stats.throttled), (0, 0), "{stats:?}");
    // Full use on average is a measurement of `make bench`; a busy machine still fills some second.
    assert!((9..=10).contains(&stats.max_in_any_second), "{stats:?}");
}
