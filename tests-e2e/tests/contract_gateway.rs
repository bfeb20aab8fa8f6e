//! The OpenAPI document that the REST API serves: schemathesis holds every operation to it, Redocly and Spectral find no
//! fault in it, and clients that are made from it work.
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use once_emulator::EmulatorConfig;
use test_support::eventually;
use tests_e2e::Sandbox;

const FLEET: u32 = 120;

/// A gateway that knows its fleet.
async fn sandbox() -> Sandbox {
    let emulator = EmulatorConfig::default().with_fleet(FLEET).with_rate(0);
    let sandbox = Sandbox::start(
        emulator,
        &[("SIMWARD__GATEWAY__UNAUTHENTICATED_PER_MINUTE", "1000000")],
    )
    .await;
    eventually("the fleet is known", || async {
        anyhow::ensure!(sandbox.all_sims().await?.len() == FLEET as usize);
        Ok(())
    })
    .await;
    sandbox
}

/// An empty folder of this test, which stays when the test fails.
fn folder() -> PathBuf {
    let name = format!("simward-gateway-contract-{}", uuid::Uuid::new_v4().simple());
    let folder = std::env::temp_dir().join(name);
    std::fs::create_dir(&folder).unwrap();
    folder
}

/// Runs a script of the contract checks, which says what it finds.
async fn run(script: &str, words: &[&str], key: &str) {
    let mut judge = Command::new(
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("contract")
            .join(script),
    );
    judge.args(words).env("SIMWARD_API_KEY", key).stdin(Stdio::null());
    let outcome = tokio::task::spawn_blocking(move || judge.output());
    let outcome = outcome.await.unwrap().unwrap();
    let (said, complained) = (
        String::from_utf8_lossy(&outcome.stdout),
        String::from_utf8_lossy(&outcome.stderr),
    );
    assert!(outcome.status.success(), "{said}\n{complained}");
    println!("{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_gateway_keeps_what_its_document_says() {
    let sandbox = sandbox().await;
    let (simward, work) = (sandbox.simward(), folder());
    run("gateway", &[&simward.url, work.to_str().unwrap()], &simward.key).await;
    std::fs::remove_dir_all(&work).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn judges_of_openapi_find_no_fault_in_the_document() {
    let work = folder();
    let document = work.join("openapi.json");
    std::fs::write(&document, gateway::openapi().to_json().unwrap()).unwrap();
    run("document/judge", &[document.to_str().unwrap()], "").await;
    std::fs::remove_dir_all(&work).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_made_from_the_document_work() {
    let sandbox = sandbox().await;
    let simward = sandbox.simward();
    run("document/clients", &[&simward.url], &simward.key).await;
}
