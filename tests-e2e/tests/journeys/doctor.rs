use once_emulator::EmulatorConfig;
use test_support::{Scope, SimwardOptions, simward_command};
use tests_e2e::Sandbox;

/// The row about schema `sim`, and whether all is well.
fn diagnosis(scope: &Scope, options: &SimwardOptions) -> (String, bool) {
    let output = simward_command(scope, options, &["doctor"]);
    let table = String::from_utf8(output.stdout).unwrap();
    let row = table.lines().find(|line| line.contains("database, schema sim"));
    (row.unwrap_or(&table).to_owned(), output.status.success())
}

#[tokio::test]
async fn the_doctor_knows_a_database_that_is_empty_current_or_outdated_and_says_what_to_do() {
    let sandbox = Sandbox::start(EmulatorConfig::default().with_fleet(3).without_limits(), &[]).await;
    let empty = Scope::new().await;

    let (row, well) = diagnosis(&empty, &sandbox.options);
    assert!(!well && row.starts_with("BROKEN"), "{row}");
    assert!(row.contains("run `simward migrate`"), "{row}");

    let (row, well) = diagnosis(&sandbox.scope, &sandbox.options);
    assert!(well && row.contains("up to date"), "{row}");

    let mut owner = sandbox.scope.connection().await;
    sqlx::query(
        "DELETE FROM sim.seaql_migrations WHERE version = (SELECT max(version) FROM sim.seaql_migrations)",
    )
    .execute(&mut owner)
    .await
    .unwrap();
    let (row, well) = diagnosis(&sandbox.scope, &sandbox.options);
    assert!(!well && row.starts_with("BROKEN"), "{row}");
    assert!(row.contains("lacks 1 migration"), "{row}");
}

#[tokio::test]
async fn the_doctor_asks_1nce_also_when_a_server_is_not_named() {
    let sandbox = Sandbox::start(EmulatorConfig::default().with_fleet(3).without_limits(), &[]).await;
    let options = sandbox.options.clone().with("NATS_URL", "");

    let output = simward_command(&sandbox.scope, &options, &["doctor"]);

    let table = String::from_utf8(output.stdout).unwrap();
    let row = |start: &str| table.lines().any(|line| line.starts_with(start));
    assert!(!output.status.success());
    assert!(
        row("BROKEN  server settings") && table.contains("set NATS_URL"),
        "{table}"
    );
    assert!(row("ok      1NCE login"), "{table}");
}

#[tokio::test]
async fn the_doctor_says_whether_the_data_streamer_has_a_login() {
    let sandbox = Sandbox::start(EmulatorConfig::default().with_fleet(3).without_limits(), &[]).await;
    let receiver = |options: &SimwardOptions| {
        let output = simward_command(&sandbox.scope, options, &["doctor"]);
        let table = String::from_utf8(output.stdout).unwrap();
        let row = table.lines().find(|line| line.contains("Data Streamer login"));
        (row.unwrap_or(&table).to_owned(), output.status.success())
    };

    let (row, well) = receiver(&sandbox.options);
    assert!(well && row.starts_with("ok"), "{row}");

    let none = sandbox
        .options
        .clone()
        .with("DATASTREAMER_USER", "")
        .with("DATASTREAMER_PASSWORD", "");
    let (row, well) = receiver(&none);
    assert!(well && row.starts_with("limit"), "{row}");
    assert!(row.contains("choose DATASTREAMER_USER"), "{row}");

    let half = sandbox.options.clone().with("DATASTREAMER_PASSWORD", "");
    let (table, well) = receiver(&half);
    assert!(!well && table.contains("BROKEN  usage settings"), "{table}");
    assert!(table.contains("go together"), "{table}");
}
