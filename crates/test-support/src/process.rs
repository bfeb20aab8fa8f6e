use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use anyhow::Context;
use serde_json::Value;

use crate::{Scope, eventually_within};

/// User and password of the Data Streamer at every process.
pub const DATASTREAMER: (&str, &str) = ("streamer", "stream-secret");

/// What tells a process another time (deploy/dev/lib/clock.sh).
pub const CLOCK: [&str; 5] = [
    "LD_PRELOAD",
    "FAKETIME",
    "FAKETIME_DONT_FAKE_MONOTONIC",
    "FAKETIME_SHARED",
    "NO_FAKE_STAT",
];

/// How a process is started.
#[derive(Debug, Clone, Default)]
pub struct SimwardOptions {
    /// Variables beside those of the scope.
    pub variables: Vec<(String, String)>,
}

impl SimwardOptions {
    /// Sets a variable.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.variables.push((name.to_owned(), value.to_string()));
        self
    }
}

/// A running `simward run`, and a client of its REST API. Killed when dropped.
pub struct Simward {
    child: Child,
    log: PathBuf,
    /// Where it listens.
    pub url: String,
    /// Where it receives the Data Streamer.
    pub ingest_url: String,
    /// An administrator's API key.
    pub key: String,
    http: reqwest::Client,
}

impl Simward {
    /// Migrates, makes a key and starts the process; returns when it is ready.
    ///
    /// # Panics
    /// When it does not become ready; the log is shown.
    pub async fn start(scope: &Scope, options: &SimwardOptions) -> Self {
        command(scope, options, &["migrate"]);
        let key = command(
            scope,
            options,
            &[
                "keys",
                "create",
                "--name",
                "test",
                "--scopes",
                "admin",
                "--per-minute",
                "1000000000",
                "--per-hour",
                "1000000000",
            ],
        );
        Self::start_with_key(scope, options, &key).await
    }

    /// One more process over the same scope, or the next one after a kill.
    ///
    /// # Panics
    /// When it does not become ready; the log is shown.
    pub async fn start_with_key(scope: &Scope, options: &SimwardOptions, key: &str) -> Self {
        let mut simward = Self::spawn(scope, options, key);
        simward.url = eventually_within(Duration::from_secs(60), "simward listens", || async {
            listening_address(&simward.log(), "simward is up")
        })
        .await;
        simward.ingest_url = listening_address(&simward.log(), "the Data Streamer is received")
            .expect("the receiver's address");
        eventually_within(Duration::from_secs(60), "simward is ready", || async {
            let answer = simward
                .http
                .get(format!("{}/health/ready", simward.url))
                .send()
                .await?;
            anyhow::ensure!(answer.status().is_success(), "{}", answer.text().await?);
            Ok(())
        })
        .await;
        simward
    }

    fn spawn(scope: &Scope, options: &SimwardOptions, key: &str) -> Self {
        let log = std::env::temp_dir().join(format!("simward-{}.log", uuid::Uuid::new_v4().simple()));
        let file = File::create(&log).expect("a log file");
        let child = Command::new(binary("simward"))
            .arg("run")
            .env_clear()
            .envs(simward_variables(scope, options))
            .stdin(Stdio::null())
            .stdout(file.try_clone().expect("a log file"))
            .stderr(file)
            .spawn()
            .expect("simward starts");
        let http = reqwest::Client::builder()
            .timeout(Duration::from_secs(60))
            .build()
            .expect("a client");
        Self {
            child,
            log,
            url: String::new(),
            ingest_url: String::new(),
            key: key.to_owned(),
            http,
        }
    }

    /// Everything it has logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Ends it as `kill -9` does.
    pub fn kill(&mut self) {
        self.child.kill().expect("the process can be killed");
        self.child.wait().expect("the process can be waited for");
    }

    /// A request with the key; returns status and JSON body.
    ///
    /// # Errors
    /// When there is no answer, or no JSON in it.
    pub async fn request(
        &self,
        method: &str,
        path: &str,
        body: Option<Value>,
    ) -> anyhow::Result<(u16, Value)> {
        let method = method.parse()?;
        let mut request = self
            .http
            .request(method, format!("{}{path}", self.url))
            .header("X-API-Key", &self.key);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await?;
        let status = answer.status().as_u16();
        Ok((status, answer.json().await.context("no JSON")?))
    }

    /// A GET that must succeed; returns the body.
    ///
    /// # Errors
    /// When the answer is another one.
    pub async fn get(&self, path: &str) -> anyhow::Result<Value> {
        let (status, body) = self.request("GET", path, None).await?;
        anyhow::ensure!(status == 200, "GET {path}: {status} {body}");
        Ok(body)
    }
}

impl Drop for Simward {
    fn drop(&mut self) {
        // It may have been killed by the test already.
        if matches!(self.child.try_wait(), Ok(None)) {
            self.kill();
        }
        if std::thread::panicking() {
            let log = self.log();
            let tail: Vec<&str> = log.lines().rev().take(40).collect();
            eprintln!(
                "--- log of simward\n{}",
                tail.into_iter().rev().collect::<Vec<_>>().join("\n")
            );
        } else {
            std::fs::remove_file(&self.log).unwrap_or_default();
        }
    }
}

/// What the environment of a process of this scope holds.
pub fn simward_variables(scope: &Scope, options: &SimwardOptions) -> Vec<(String, String)> {
    let mut variables = scope.variables();
    variables.push(("SIMWARD_LISTEN".into(), "127.0.0.1:0".into()));
    variables.push(("SIMWARD_INGEST_LISTEN".into(), "127.0.0.1:0".into()));
    variables.push(("DATASTREAMER_USER".into(), DATASTREAMER.0.into()));
    variables.push(("DATASTREAMER_PASSWORD".into(), DATASTREAMER.1.into()));
    variables.push((
        "SIMWARD_KEY_SECRET".into(),
        "0123456789abcdef0123456789abcdef".into(),
    ));
    variables.push(("RUST_LOG".into(), "info".into()));
    variables.push(("SIMWARD__DATABASE__MAX_CONNECTIONS".into(), "8".into()));
    // Where this machine keeps its certificate authorities, when not in the usual place; and the clock of the test.
    for name in ["SSL_CERT_FILE", "SSL_CERT_DIR", "TZ"].into_iter().chain(CLOCK) {
        variables.extend(std::env::var(name).map(|value| (name.into(), value)));
    }
    variables.extend(options.variables.clone());
    variables
}

/// Runs an administrator's command to its end.
///
/// # Panics
/// When `simward` is not built.
pub fn simward_command(scope: &Scope, options: &SimwardOptions, arguments: &[&str]) -> Output {
    Command::new(binary("simward"))
        .args(arguments)
        .env_clear()
        .envs(simward_variables(scope, options))
        .output()
        .expect("simward starts")
}

/// The same where it must succeed; returns what it printed.
fn command(scope: &Scope, options: &SimwardOptions, arguments: &[&str]) -> String {
    let output = simward_command(scope, options, arguments);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "simward {arguments:?}: {errors}");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// The program itself, for a process that is started in another way.
///
/// # Panics
/// When it is not built.
pub fn simward_program() -> PathBuf {
    binary("simward")
}

/// A program of the workspace, beside the test's own.
fn binary(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("the test's own path");
    let program = test
        .ancestors()
        .nth(2)
        .expect("target/<profile>/deps/<test>")
        .join(name);
    assert!(
        program.exists(),
        "{} is not built: run `make test`",
        program.display()
    );
    program
}

fn listening_address(log: &str, message: &str) -> anyhow::Result<String> {
    let lines = log
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let address = lines
        .filter(|line| line["message"] == message)
        .find_map(|line| line["address"].as_str().map(ToOwned::to_owned));
    address
        .map(|address| format!("http://{address}"))
        .with_context(|| format!("it has logged\n{log}"))
}
