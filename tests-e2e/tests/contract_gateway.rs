//! The REST API against the OpenAPI document that it serves: schemathesis asks every operation, with all its checks.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::{Command, Stdio};

use once_emulator::EmulatorConfig;
use test_support::eventually;
use tests_e2e::Sandbox;

#[tokio::test(flavor = "multi_thread")]
async fn the_gateway_keeps_what_its_document_says() {
    let emulator = EmulatorConfig::default().with_fleet(120).with_rate(0);
    let sandbox = Sandbox::start(
        emulator,
        &[("SIMWARD__GATEWAY__UNAUTHENTICATED_PER_MINUTE", "1000000")],
    )
    .await;
    eventually("the fleet is known", || async {
        anyhow::ensure!(sandbox.all_sims().await?.len() == 120);
        Ok(())
    })
    .await;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("contract/gateway");
    let work = std::env::temp_dir().join(format!(
        "simward-gateway-contract-{}",
        uuid::Uuid::new_v4().simple()
    ));
    std::fs::create_dir(&work).unwrap();
    let simward = sandbox.simward();
    let mut judge = Command::new(script);
    judge
        .args([simward.url.as_str(), work.to_str().unwrap()])
        .env("SIMWARD_API_KEY", &simward.key)
        .stdin(Stdio::null());
    let outcome = tokio::task::spawn_blocking(move || judge.output())
        .await
        .unwrap()
        .unwrap();
    let (said, complained) = (
        String::from_utf8_lossy(&outcome.stdout).into_owned(),
        String::from_utf8_lossy(&outcome.stderr).into_owned(),
    );
    assert!(outcome.status.success(), "{said}\n{complained}");
    println!("{said}");
    std::fs::remove_dir_all(&work).unwrap();
}
