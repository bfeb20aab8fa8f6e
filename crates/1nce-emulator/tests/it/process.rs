//! The emulator as a process: one line when ready, a clean end on SIGTERM.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use once_emulator::ControlClient;

use crate::receiver::{Receiver, Request, until};

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Already gone in the good case.
        if self.0.kill().is_ok() {
            drop(self.0.wait());
        }
    }
}

fn resident_kb(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[tokio::test]
async fn it_announces_itself_serves_and_ends_cleanly() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_once-emulator"));
    command
        .args(["--listen", "127.0.0.1:0", "--customer", "990007_x:s7"])
        .env("FLEET", "1000000");
    let mut child = Running(command.stdout(Stdio::piped()).spawn().unwrap());
    let mut lines = BufReader::new(child.0.stdout.take().unwrap()).lines();
    let line = lines.next().unwrap().unwrap();
    let base = line.split(' ').next_back().unwrap().to_owned();
    assert!(
        base.starts_with("http://127.0.0.1:") && base.ends_with("/management-api"),
        "{line}"
    );
    let control = ControlClient::new(base.replace("/management-api", "/_emulator"));
    control.health().await.unwrap();
    assert_eq!(
        control.stats().await.unwrap().customers["990007_x"].fleet,
        1_000_000
    );
    assert!(
        resident_kb(child.0.id()) < 50_000,
        "a million SIMs in {} kB",
        resident_kb(child.0.id())
    );

    assert!(
        Command::new("kill")
            .arg(child.0.id().to_string())
            .status()
            .unwrap()
            .success()
    );
    let deadline = Instant::now() + Duration::from_secs(10);
    let status = loop {
        if let Some(status) = child.0.try_wait().unwrap() {
            break status;
        }
        assert!(Instant::now() < deadline, "still running");
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert!(status.success(), "{status}");
    assert!(lines.next().is_none(), "one line only");
}

#[test]
fn a_bad_customer_is_refused() {
    let output = Command::new(env!("CARGO_BIN_EXE_once-emulator"))
        .args(["--customer", "no-secret"])
        .output()
        .unwrap();
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("client_id:secret"));
}

#[tokio::test]
async fn it_pushes_both_streams_that_the_environment_asks_for() {
    let receiver = Receiver::start().await;
    let mut command = Command::new(env!("CARGO_BIN_EXE_once-emulator"));
    command
        .args(["--listen", "127.0.0.1:0", "--fleet", "20"])
        .env("EMULATOR_STREAM_URL", &receiver.url)
        .env("EMULATOR_STREAM_USER", "push")
        .env("EMULATOR_STREAM_PASSWORD", "secret")
        .env("EMULATOR_STREAM_HISTORY_DAYS", "2");
    let _child = Running(command.stdout(Stdio::null()).spawn().unwrap());
    let has = |key: &str| receiver.elements().iter().any(|item| item.get(key).is_some());
    until("usage and events arrive", || async {
        (has("traffic_type") && has("event_type")).then_some(())
    })
    .await;
    let requests = receiver.requests();
    let authorized = |r: &Request| r.headers["authorization"] == "Basic cHVzaDpzZWNyZXQ=";
    assert!(requests.iter().all(authorized));
}

#[tokio::test]
async fn any_setting_can_be_given_at_the_start() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_once-emulator"));
    let settings = r#"{"v2_only_from": 3, "ended": [{"path": "/v1/", "manner": "410_html"}], "v2_paths": {"limits": true}}"#;
    command.args(["--listen", "127.0.0.1:0", "--rate", "7", "--settings", settings]);
    let mut child = Running(command.stdout(Stdio::piped()).spawn().unwrap());
    let line = BufReader::new(child.0.stdout.take().unwrap()).lines().next();
    let line = line.unwrap().unwrap();
    let base = line.split(' ').next_back().unwrap().to_owned();
    let control = ControlClient::new(base.replace("/management-api", "/_emulator"));
    let given = control.settings().await.unwrap();
    assert_eq!((given.v2_only_from, given.rate_per_second), (Some(3), 7));
    assert!(given.v2_paths.limits && given.v2_paths.extension);
    assert_eq!(
        reqwest::get(format!("{base}/v1/sims")).await.unwrap().status(),
        410
    );
}

#[test]
fn settings_that_nobody_knows_are_refused() {
    for (settings, why) in [
        (r#"{"kindness": 1}"#, "kindness"),
        (r#"{"list_disorder": 7}"#, "list_disorder"),
        ("[", "JSON"),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_once-emulator"))
            .args(["--listen", "127.0.0.1:0", "--settings", settings])
            .output()
            .unwrap();
        assert!(!output.status.success());
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(error.contains(why), "{error}");
    }
}
