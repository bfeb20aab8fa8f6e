use std::time::{Duration, Instant};

use anyhow::ensure;
use once_emulator::{EmulatorConfig, Fault, FaultKind};
use test_support::{eventually, eventually_within};
use tests_e2e::{Books, Sandbox};

/// Of either generation: whoever is refused by one may turn to the other.
const LISTS: &str = "/v*/sims";

#[tokio::test]
async fn a_slow_throttling_and_lying_1nce_delays_the_sweep_but_loses_nothing() {
    let emulator = EmulatorConfig::default().with_fleet(200).with_rate(50);
    let faults = [
        Fault::new(FaultKind::Delay, LISTS).delay_ms(300).probability(0.3),
        Fault::new(FaultKind::Throttle, LISTS).times(2),
        Fault::new(FaultKind::Status, LISTS).probability(0.2),
        Fault::new(FaultKind::CutBeforeEffect, LISTS).probability(0.1),
        Fault::new(FaultKind::TruncatedBody, LISTS).times(1),
        Fault::new(FaultKind::WrongJson, LISTS).times(1),
    ];
    let settings = [("SIMWARD__SIM__PAGE_SIZE", "10")];
    let sandbox = Sandbox::start_in_trouble(emulator, &faults, &settings).await;

    let run = sandbox.first_sync().await;

    assert_eq!(
        (run["state"].as_str(), run["sims_discovered"].as_u64()),
        (Some("completed"), Some(200)),
        "{run}"
    );
    eventually("the books balance", || async {
        Books::read(&sandbox).await?.balance()
    })
    .await;
    let faults = sandbox.once().faults().await.unwrap();
    let unmet: Vec<_> = faults
        .iter()
        .filter(|fault| fault.fault.count > Some(0))
        .collect();
    assert!(unmet.is_empty(), "the sweep met every fault: {unmet:?}");
    let stats = sandbox.once().stats().await.unwrap();
    assert_eq!(stats.violations, 0, "no 429 was our own fault: {stats:?}");
}

#[tokio::test]
async fn while_1nce_is_down_for_a_minute_people_are_served_and_the_sweep_continues_afterwards() {
    let emulator = EmulatorConfig::default().with_fleet(300).with_rate(20);
    let settings = [
        ("SIMWARD__SIM__PAGE_SIZE", "2"),
        ("SIMWARD__GATEWAY__REFRESHES_PER_MINUTE", "6000"),
    ];
    let sandbox = Sandbox::start(emulator, &settings).await;
    let run = sandbox.start_sync().await.unwrap();
    let known = eventually("the sweep has begun", || async {
        sandbox.on_its_way(&run).await?;
        let sims = sandbox.all_sims().await?;
        ensure!(sims.len() >= 50, "{} SIMs", sims.len());
        Ok(sims)
    })
    .await;

    sandbox
        .once()
        .faults_add(&Fault::new(FaultKind::Down, "/"))
        .await
        .unwrap();
    let down = Instant::now();
    let path = format!("/api/v1/sims/{}", known[0]["iccid"].as_str().unwrap());
    eventually("calls are held back", || async {
        let health = sandbox.simward().get("/health").await?.to_string();
        ensure!(health.contains("pause"), "{health}");
        Ok(())
    })
    .await;
    eventually_within(Duration::from_secs(90), "a minute passes", || async {
        sandbox.simward().get(&path).await?;
        sandbox.simward().get("/health/ready").await?;
        let (refresh, _) = sandbox
            .simward()
            .request("GET", &format!("{path}?refresh=true"), None)
            .await?;
        assert!(
            matches!(refresh, 502 | 503),
            "refresh says that 1NCE fails: {refresh}"
        );
        ensure!(down.elapsed() >= Duration::from_secs(60), "{:?}", down.elapsed());
        Ok(())
    })
    .await;
    sandbox.once().faults_clear().await.unwrap();

    let run = sandbox.finished(&run).await;

    assert_eq!(
        (run["state"].as_str(), run["sims_discovered"].as_u64()),
        (Some("completed"), Some(300)),
        "{run}"
    );
    eventually("the books balance", || async {
        Books::read(&sandbox).await?.balance()
    })
    .await;
}
