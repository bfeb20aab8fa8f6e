use std::path::{Path, PathBuf};
use std::process::Command;

use uuid::Uuid;

/// PostgreSQL, NATS and Redis that belong to one test, which may kill them. Gone when dropped.
#[derive(Debug)]
pub struct Stack {
    script: PathBuf,
    dir: PathBuf,
}

impl Stack {
    /// Starts the three servers.
    ///
    /// # Panics
    /// When `SIMWARD_STACK` does not name the stack script (run `make test`), or a server does not start.
    pub fn up() -> Self {
        let script =
            PathBuf::from(std::env::var("SIMWARD_STACK").expect("SIMWARD_STACK is not set: run `make test`"));
        let dir = folder(&script).join(format!("test-{}", Uuid::new_v4().simple()));
        std::fs::create_dir_all(&dir).expect("a folder for the servers");
        let stack = Self { script, dir };
        run(&stack.script, &stack.dir, "up", "--ephemeral");
        stack
    }

    /// A value of the stack's environment file.
    ///
    /// # Panics
    /// When the file lacks it.
    pub fn env(&self, name: &str) -> String {
        let text = std::fs::read_to_string(self.dir.join("stack.env")).expect("stack.env");
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        line.unwrap_or_else(|| panic!("stack.env lacks {name}"))
            .trim_matches(['\'', '"'])
            .to_owned()
    }

    /// Ends `postgres`, `nats` or `redis` at once, as `kill -9` does.
    ///
    /// # Panics
    /// When it cannot be ended.
    pub async fn kill(&self, server: &str) {
        self.run_aside("kill", server).await;
    }

    /// Starts it again.
    ///
    /// # Panics
    /// When it does not serve again.
    pub async fn start(&self, server: &str) {
        self.run_aside("start", server).await;
    }

    /// Whatever else the test does at the same time goes on.
    async fn run_aside(&self, verb: &'static str, server: &str) {
        let (script, dir, server) = (self.script.clone(), self.dir.clone(), server.to_owned());
        let done = tokio::task::spawn_blocking(move || run(&script, &dir, verb, &server));
        done.await.expect("the stack script");
    }
}

/// Where `make test` looks when it ends, whatever became of the tests; `.local` when a test runs without it.
fn folder(script: &Path) -> PathBuf {
    std::env::var_os("SIMWARD_TEST_DIR").map_or_else(
        || {
            let checkout = script.ancestors().nth(3);
            checkout
                .expect("deploy/dev/stack lies in a checkout")
                .join(".local")
        },
        PathBuf::from,
    )
}

fn run(script: &Path, dir: &Path, verb: &str, argument: &str) {
    let output = Command::new(script)
        .arg(verb)
        .arg(dir)
        .arg(argument)
        .output()
        .expect("the stack script");
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "stack {verb} {argument}: {text}{}",
        String::from_utf8_lossy(&output.stdout)
    );
}

impl Drop for Stack {
    fn drop(&mut self) {
        let destroyed = Command::new(&self.script).arg("destroy").arg(&self.dir).output();
        if !destroyed.is_ok_and(|output| output.status.success()) {
            eprintln!("the servers in {} could not be removed", self.dir.display());
        }
    }
}
