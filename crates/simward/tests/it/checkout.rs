//! An installation of its own in the servers that `make test` provides.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;
use test_support::Scope;

/// The REST API's address, the receiver's and the emulator's port, as they are remembered and set.
pub const ADDRESSES: [&str; 3] = ["SIMWARD_LISTEN", "SIMWARD_INGEST_LISTEN", "EMULATOR_PORT"];

/// A checkout whose servers run; what it starts is stopped when it is dropped.
pub struct Checkout {
    folder: TempDir,
    variables: Vec<(String, String)>,
}

impl Checkout {
    /// With free ports, which are remembered as if it had run before.
    pub async fn new() -> Self {
        let mut checkout = Self::without_servers();
        let scope = Scope::new().await;
        let (servers, settings): (Vec<_>, Vec<_>) = scope
            .variables()
            .into_iter()
            .partition(|(name, _)| name.ends_with("_URL"));
        let lines = servers.iter().map(|(name, value)| format!("{name}={value}\n"));
        let consumer = format!("NATS_CONSUMER_URL={}\n", scope.nats_url);
        checkout.write("stack/stack.env", &(lines.collect::<String>() + &consumer));
        let [api, receiver, emulator] = free_ports();
        checkout.write(
            "run/remembered.env",
            &format!(
                "SIMWARD_LISTEN=127.0.0.1:{api}\nSIMWARD_INGEST_LISTEN=127.0.0.1:{receiver}\nEMULATOR_PORT={emulator}\n"
            ),
        );
        checkout.variables = settings;
        for (name, value) in [
            ("FLEET", "20"),
            ("EMULATOR_STREAM_HISTORY_DAYS", "0"),
            ("SIMWARD__DATABASE__MAX_CONNECTIONS", "4"),
        ] {
            checkout.variables.push((name.to_owned(), value.to_owned()));
        }
        checkout
    }

    /// For what is decided before any server is needed.
    pub fn without_servers() -> Self {
        Self {
            folder: tempfile::Builder::new()
                .prefix("checkout-")
                .tempdir_in(folder())
                .unwrap(),
            variables: Vec::new(),
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// A value of one of its files.
    pub fn value(&self, file: &str, key: &str) -> String {
        let text = fs::read_to_string(self.path(file)).unwrap();
        let mut lines = text.lines();
        let value = lines.find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
        value.unwrap_or_else(|| panic!("{file} lacks {key}")).to_owned()
    }

    /// The number in the pid file of a program.
    pub fn pid(&self, program: &str) -> i32 {
        let text = fs::read_to_string(self.path(&format!("run/{program}.pid"))).unwrap();
        text.lines().next().unwrap().parse().unwrap()
    }

    /// `simward dev` with these words, and variables beside those of the servers.
    pub fn dev(&self, words: &[&str], variables: &[(&str, &str)]) -> Output {
        let mut command = Command::new(simward());
        command
            .arg("dev")
            .arg("--local")
            .arg(self.folder.path())
            .args(words);
        command.env_clear();
        for name in ["PATH", "SSL_CERT_FILE", "SSL_CERT_DIR", "TZ"]
            .into_iter()
            .chain(test_support::CLOCK)
        {
            command.envs(std::env::var(name).map(|value| (name, value)));
        }
        let output = command
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .envs(variables.iter().copied())
            .output();
        output.expect("simward dev")
    }

    /// The same where it must succeed; returns what it printed.
    pub fn succeeds(&self, words: &[&str], variables: &[(&str, &str)]) -> String {
        let output = self.dev(words, variables);
        assert!(output.status.success(), "{words:?}: {}", errors(&output));
        String::from_utf8(output.stdout).unwrap()
    }

    /// The same where it must fail; returns what it complained about.
    pub fn fails(&self, words: &[&str], variables: &[(&str, &str)]) -> String {
        let output = self.dev(words, variables);
        assert!(!output.status.success(), "{words:?}: {}", errors(&output));
        errors(&output)
    }

    /// The status of a GET with the administrator's key.
    pub async fn get(&self, path: &str) -> u16 {
        let url = self.value("dev.env", "SIMWARD_URL");
        let request = reqwest::Client::new()
            .get(format!("{url}{path}"))
            .header("X-API-Key", self.value("dev.env", "SIMWARD_ADMIN_KEY"));
        request.send().await.unwrap().status().as_u16()
    }
}

impl Drop for Checkout {
    fn drop(&mut self) {
        let output = self.dev(&["down"], &[]);
        if !output.status.success() {
            eprintln!("not stopped: {}", errors(&output));
        }
    }
}

/// Where `make test` looks when it ends, whatever became of the tests.
fn folder() -> PathBuf {
    std::env::var_os("SIMWARD_TEST_DIR").map_or_else(std::env::temp_dir, PathBuf::from)
}

pub fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The program, with the emulator beside it.
fn simward() -> &'static Path {
    let program = Path::new(env!("CARGO_BIN_EXE_simward"));
    let emulator = program.with_file_name("once-emulator");
    assert!(
        emulator.exists(),
        "{} is not built: run `make test`",
        emulator.display()
    );
    program
}

pub fn free_ports() -> [u16; 3] {
    let listeners = [(); 3].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port())
}
