use std::path::PathBuf;
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
        let local = script
            .ancestors()
            .nth(3)
            .expect("deploy/dev/stack lies in a checkout")
            .join(".local");
        let dir = local.join(format!("test-{}", Uuid::new_v4().simple()));
        std::fs::create_dir_all(&dir).expect("a folder for the servers");
        let stack = Self { script, dir };
        stack.run(&["up", "--ephemeral"]);
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
    pub fn kill(&self, server: &str) {
        self.run(&["kill", server]);
    }

    /// Starts it again.
    pub fn start(&self, server: &str) {
        self.run(&["start", server]);
    }

    fn run(&self, arguments: &[&str]) {
        let (verb, rest) = arguments.split_first().expect("a verb");
        let output = Command::new(&self.script)
            .arg(verb)
            .arg(&self.dir)
            .args(rest)
            .output()
            .expect("the stack script");
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "stack {arguments:?}: {text}{}",
            String::from_utf8_lossy(&output.stdout)
        );
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        let destroyed = Command::new(&self.script).arg("destroy").arg(&self.dir).output();
        if !destroyed.is_ok_and(|output| output.status.success()) {
            eprintln!("the servers in {} could not be removed", self.dir.display());
        }
    }
}
