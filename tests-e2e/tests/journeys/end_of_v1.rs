use std::time::Duration;

use anyhow::ensure;
use once_emulator::EmulatorConfig;
use serde_json::{Value, json};
use test_support::{SimwardOptions, eventually_within, simward_command};
use tests_e2e::Sandbox;

/// What the doctor prints, and whether all is well.
fn doctor(sandbox: &Sandbox, options: &SimwardOptions, arguments: &[&str]) -> (String, bool) {
    let arguments = [&["doctor"], arguments].concat();
    let output = simward_command(&sandbox.scope, options, &arguments);
    (String::from_utf8(output.stdout).unwrap(), output.status.success())
}

async fn readiness(sandbox: &Sandbox) -> anyhow::Result<Value> {
    let page = sandbox.simward().get("/api/v1/provider/readiness").await?;
    Ok(page["data"]["accounts"][0].clone())
}

fn usage(account: &Value) -> &Value {
    let mut capabilities = account["capabilities"].as_array().unwrap().iter();
    capabilities.find(|of| of["capability"] == "usage").unwrap()
}

#[tokio::test]
async fn v1_ends_while_simward_runs_and_the_page_and_the_doctor_tell_it() {
    let sandbox = Sandbox::start(EmulatorConfig::default().with_fleet(3).without_limits(), &[]).await;
    sandbox.first_sync().await;

    let before = readiness(&sandbox).await.unwrap();
    let (page, well) = doctor(&sandbox, &sandbox.options, &["--v2"]);
    let (table, _) = doctor(&sandbox, &sandbox.options, &[]);

    assert_eq!(
        (&before["needs_v1"], &before["v1_ends_on"]),
        (&json!(true), &json!("2026-12-31"))
    );
    assert_eq!(usage(&before)["generation"], "v1");
    assert!(well && page.contains("v1 alive since"), "{page}");
    assert!(page.contains("Programs of your own that call /v1"), "{page}");
    let row = table.lines().find(|line| line.contains("1NCE usage")).unwrap();
    assert!(
        row.starts_with("limit") && row.contains("API v1, which ends 2026-12-31"),
        "{row}"
    );

    sandbox.once().config(&json!({"v1": "retired"})).await.unwrap();

    let after = eventually_within(Duration::from_secs(60), "the page tells the end", || async {
        let account = readiness(&sandbox).await?;
        ensure!(account["generations"][0]["state"] == "gone", "{account}");
        Ok(account)
    })
    .await;
    assert_eq!(after["generations"][0]["status"], 404);
    assert_eq!(after["needs_v1"], false);
    assert_ne!(usage(&after)["generation"], "v1");
    let health = sandbox.simward().get("/health").await.unwrap();
    assert_ne!(health["status"], "unready", "{health}");
    let (page, well) = doctor(&sandbox, &sandbox.options, &["--v2"]);
    assert!(well && page.contains("v1 gone since"), "{page}");
    let (_, well) = doctor(&sandbox, &sandbox.options, &[]);
    assert!(well, "v2 serves");
}

#[tokio::test]
async fn the_doctor_calls_a_1nce_broken_that_lists_no_sims_or_refuses_the_login() {
    let sandbox = Sandbox::start(EmulatorConfig::default().with_fleet(3).without_limits(), &[]).await;
    sandbox.first_sync().await;
    let wrong = sandbox
        .options
        .clone()
        .with("ONCE_CLIENT_SECRET", "not-the-secret");

    for arguments in [&[][..], &["--v2"]] {
        let (table, well) = doctor(&sandbox, &wrong, arguments);

        let row = table.lines().find(|line| line.contains("1NCE login")).unwrap();
        assert!(!well && row.starts_with("BROKEN"), "{row}");
        assert!(row.contains("Account → Management API Access"), "{row}");
    }

    sandbox
        .once()
        .config(&json!({"v1": "retired", "v2": "retired"}))
        .await
        .unwrap();
    for arguments in [&[][..], &["--v2"]] {
        let (table, well) = doctor(&sandbox, &sandbox.options, arguments);

        let row = table.lines().find(|line| line.contains("1NCE SIM list"));
        let row = row.unwrap_or_else(|| panic!("{table}"));
        assert!(
            !well && row.starts_with("BROKEN") && row.contains("no generation lists SIMs"),
            "{row}"
        );
    }
}

#[tokio::test]
async fn the_doctor_doubts_a_sweep_that_could_not_read_everything() {
    let sandbox = Sandbox::start(EmulatorConfig::default().with_fleet(3).without_limits(), &[]).await;
    sandbox.first_sync().await;
    let (table, well) = doctor(&sandbox, &sandbox.options, &[]);
    assert!(well && !table.contains("WARN"), "{table}");

    let mut owner = sandbox.scope.connection().await;
    sqlx::query("UPDATE sim.sync_runs SET records_rejected = 2")
        .execute(&mut owner)
        .await
        .unwrap();

    let (table, well) = doctor(&sandbox, &sandbox.options, &[]);
    let row = table.lines().find(|line| line.starts_with("WARN")).unwrap();
    assert!(well && row.contains("could not read 2 record(s)"), "{row}");
}
