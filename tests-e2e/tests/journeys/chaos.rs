use std::time::Duration;

use anyhow::ensure;
use once_emulator::{EmulatorConfig, SimPatch};
use test_support::{eventually, eventually_within};
use tests_e2e::{Books, Sandbox};

/// Different in each run, shown on failure, and enough for "any page".
fn random_below(limit: u64) -> u64 {
    uuid::Uuid::new_v4().as_u128() as u64 % limit
}

#[tokio::test]
async fn a_sweep_killed_ten_times_at_random_pages_ends_exact() {
    let emulator = EmulatorConfig::default().with_fleet(600).with_rate(60);
    let settings = [
        ("SIMWARD__SIM__PAGE_SIZE", "2"),
        ("SIMWARD__SIM__LEASE_SECONDS", "1"),
    ];
    let mut sandbox = Sandbox::start(emulator, &settings).await;
    let run = sandbox.start_sync().await.unwrap();
    let mut killed_at = Vec::new();
    for kill in 0..10 {
        let target = kill * 28 + 1 + random_below(20);
        let page = eventually_within(Duration::from_secs(60), "the sweep reaches the page", || async {
            let status = sandbox.sync_status().await?;
            let page = status["running"]["pages_done"].as_u64().unwrap_or(u64::MAX);
            ensure!(page >= target, "{status}");
            Ok(page)
        })
        .await;
        killed_at.push(page);
        sandbox.kill_and_restart().await;
    }

    let run = sandbox.finished(&run).await;

    assert_eq!(
        (run["state"].as_str(), run["sims_discovered"].as_u64()),
        (Some("completed"), Some(600)),
        "{killed_at:?} {run}"
    );
    // A pause of a busy machine may cost a lease once more.
    assert!(
        run["resumed"].as_u64() >= Some(10),
        "each kill hit a running sweep: {killed_at:?} {run}"
    );
    eventually("the books balance", || async {
        Books::read(&sandbox).await?.balance()
    })
    .await;
    assert_eq!(sandbox.once().stats().await.unwrap().violations, 0);
}

#[tokio::test]
async fn each_server_is_killed_and_started_under_load_and_nothing_is_lost() {
    let emulator = EmulatorConfig::default().with_fleet(400).with_rate(40);
    let settings = [("SIMWARD__SIM__PAGE_SIZE", "10"), ("SIMWARD_SWEEP_INTERVAL", "1")];
    let sandbox = Sandbox::start_on_own_servers(emulator, &settings).await;
    eventually("the fleet is known", || async {
        let sims = sandbox.all_sims().await?;
        ensure!(sims.len() == 400, "{} SIMs", sims.len());
        Ok(())
    })
    .await;
    let stack = sandbox.stack.as_ref().expect("servers of its own");
    for (round, server) in ["redis", "nats", "postgres"].into_iter().enumerate() {
        change_labels(&sandbox, &format!("before {server}"), round * 20).await;
        stack.kill(server);
        change_labels(&sandbox, &format!("without {server}"), round * 20 + 10).await;
        stack.start(server);
        eventually_within(Duration::from_secs(60), "simward is ready again", || async {
            sandbox.simward().get("/health/ready").await
        })
        .await;
        eventually_within(Duration::from_secs(60), "the books balance", || async {
            Books::read(&sandbox).await?.balance()
        })
        .await;
    }
    let stats = sandbox.once().stats().await.unwrap();
    assert_eq!(stats.violations, 0, "{stats:?}");
}

/// Ten changes at 1NCE, which a sweep has to find.
async fn change_labels(sandbox: &Sandbox, label: &str, first: usize) {
    let fleet = sandbox.once().sims().await.unwrap();
    for sim in &fleet[first..first + 10] {
        let patch = SimPatch {
            label: Some(label.to_owned()),
            ..SimPatch::default()
        };
        sandbox.once().patch_sim(&sim.iccid, &patch).await.unwrap();
    }
}
