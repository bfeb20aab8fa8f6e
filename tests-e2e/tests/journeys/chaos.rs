use std::time::Duration;

use anyhow::ensure;
use once_emulator::EmulatorConfig;
use test_support::{eventually, eventually_within};
use tests_e2e::{Books, Sandbox};

/// Different in each run, shown on failure, and enough for "any page".
fn random_below(limit: u64) -> u64 {
    uuid::Uuid::new_v4().as_u128() as u64 % limit
}

#[tokio::test]
async fn a_sweep_killed_ten_times_at_random_pages_ends_exact() {
    // 800 pages, of which the last kill leaves more than 500: a busy machine may pause for seconds.
    let emulator = EmulatorConfig::default().with_fleet(1600).with_rate(60);
    let settings = [
        ("SIMWARD__SIM__PAGE_SIZE", "2"),
        ("SIMWARD__SIM__LEASE_SECONDS", "1"),
    ];
    let plan: Vec<u64> = (0..10).map(|kill| kill * 28 + 1 + random_below(20)).collect();
    let mut sandbox = Sandbox::start(emulator, &settings).await;
    let run = sandbox.start_sync().await.unwrap();
    for (kill, target) in (0..).zip(&plan) {
        let limit = Duration::from_secs(60);
        eventually_within(
            limit,
            "the last process was followed by this one, which reaches the page",
            || async {
                let run = sandbox.on_its_way(&run).await?;
                let (page, resumed) = (run["pages_done"].as_u64(), run["resumed"].as_u64());
                ensure!(
                    page >= Some(*target) && resumed >= Some(kill),
                    "kill {kill} of {plan:?}: {run}"
                );
                Ok(())
            },
        )
        .await;
        sandbox.kill_and_restart().await;
    }

    let run = sandbox.finished(&run).await;

    assert_eq!(
        (run["state"].as_str(), run["sims_discovered"].as_u64()),
        (Some("completed"), Some(1600)),
        "{plan:?} {run}"
    );
    // A pause of a busy machine may cost a lease once more.
    assert!(
        run["resumed"].as_u64() >= Some(10),
        "each kill hit a running sweep: {plan:?} {run}"
    );
    eventually("the books balance", || async {
        Books::read(&sandbox).await?.balance()
    })
    .await;
    assert_eq!(sandbox.once().stats().await.unwrap().violations, 0);
}
