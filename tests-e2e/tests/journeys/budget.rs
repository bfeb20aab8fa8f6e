use anyhow::ensure;
use once_emulator::{CallFilter, EmulatorConfig};
use test_support::{eventually, eventually_within};
use tests_e2e::Sandbox;

#[tokio::test]
async fn three_replicas_share_one_budget_use_it_and_cause_no_429() {
    let emulator = EmulatorConfig::default().with_fleet(400).with_rate(10);
    let mut sandbox = Sandbox::start(emulator, &[("SIMWARD__SIM__PAGE_SIZE", "4")]).await;
    sandbox.add_process().await;
    sandbox.add_process().await;
    sandbox.start_sync().await.unwrap();
    let sims = eventually("the sweep has begun", || async {
        let sims = sandbox.all_sims().await?;
        ensure!(!sims.is_empty(), "no SIM yet");
        Ok(sims)
    })
    .await;
    sandbox.once().reset_calls().await.unwrap();

    // People ask through every replica while the sweep takes all that is left.
    let mut asked = 0;
    eventually_within(
        std::time::Duration::from_secs(60),
        "the sweep takes 80 pages more",
        || async {
            let status = sandbox.sync_status().await?;
            let done = status["running"]["pages_done"].as_u64().unwrap_or(u64::MAX);
            ensure!(done > 80, "{status}");
            Ok(())
        },
    )
    .await;
    for process in &sandbox.processes {
        let path = format!("/api/v1/sims/{}?refresh=true", sims[0]["iccid"].as_str().unwrap());
        process.get(&path).await.unwrap();
        asked += 1;
    }

    let stats = sandbox.once().stats().await.unwrap();
    assert_eq!((stats.violations, stats.throttled), (0, 0), "{stats:?}");
    assert!(stats.max_in_any_second <= 10, "{stats:?}");
    let calls = sandbox.once().calls(&CallFilter::default()).await.unwrap();
    let sims_calls: Vec<_> = calls.iter().filter(|call| call.path.contains("/sims")).collect();
    let span = times_span(&sims_calls.iter().map(|call| call.at.as_str()).collect::<Vec<_>>());
    let used = (sims_calls.len() - 1) as f64 / (span * 10.0);
    assert!(
        used >= 0.95,
        "{asked} people; {} calls in {span:.2} s of 1NCE's clock use {used:.3}",
        sims_calls.len()
    );
}

/// Seconds of the emulator's clock between the first and the last call.
fn times_span(times: &[&str]) -> f64 {
    let parse = |text: &str| chrono::DateTime::parse_from_rfc3339(text).expect("a time");
    let (first, last) = (parse(times[0]), parse(times[times.len() - 1]));
    (last - first).num_microseconds().expect("a short test") as f64 / 1e6
}
