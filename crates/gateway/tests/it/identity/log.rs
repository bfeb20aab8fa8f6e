use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use gateway::users::{self, NewAdmin};
use serde_json::{Value, json};
use service_runtime::db::Db;
use test_support::Scope;

use crate::harness::{SECRET, until};
use crate::people::PASSWORD;

/// A gateway as a process of its own that logs all it can.
struct Process {
    child: Child,
    log: Arc<Mutex<String>>,
}

impl Process {
    fn start(scope: &Scope) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_gateway"))
            .envs(scope.variables())
            .env("SIMWARD_LISTEN", "127.0.0.1:0")
            .env("SIMWARD_KEY_SECRET", SECRET)
            .env("SIMWARD__ADMIN__LISTEN", "127.0.0.1:0")
            .env("RUST_LOG", "trace")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let log = Arc::new(Mutex::new(String::new()));
        let (lines, written) = (BufReader::new(child.stdout.take().unwrap()), Arc::clone(&log));
        std::thread::spawn(move || {
            for line in lines.lines().map_while(Result::ok) {
                let mut log = written.lock().unwrap();
                log.push_str(&line);
                log.push('\n');
            }
        });
        Self { child, log }
    }

    fn text(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    fn address(&self) -> Option<String> {
        let text = self.text();
        let lines = text
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let mut served = lines.filter(|line| line["message"] == "the REST API is served");
        Some(served.next()?["addr"].as_str()?.to_owned())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_in_the_log_of_a_gateway_that_logs_all_it_can() {
    let scope = Scope::new().await;
    let database = scope.runtime_config().database;
    gateway::SERVICE.migrate(&database).await.unwrap();
    let db = Db::connect(&database, gateway::SERVICE.schema).await.unwrap();
    let admin = NewAdmin {
        username: "ada".to_owned(),
        email: "ada@example.org".to_owned(),
        full_name: None,
        organization: None,
    };
    users::create_admin(&db, admin, PASSWORD.to_owned().into())
        .await
        .unwrap();
    let process = Process::start(&scope);
    until("the gateway serves", async || {
        process.address().map(|_| ()).ok_or_else(|| process.text())
    })
    .await;
    let base = format!("http://{}/api/v1", process.address().unwrap());
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let say = async |path: &str, body: Value| -> Value {
        let answer = http.post(format!("{base}/{path}")).json(&body).send();
        answer.await.unwrap().json().await.unwrap()
    };
    let wrong = "a wrong pass phrase";
    say("auth/login", json!({ "username": "ada", "password": wrong })).await;
    let login = say("auth/login", json!({ "username": "ada", "password": PASSWORD })).await;
    let text = |name: &str| login["data"][name].as_str().unwrap().to_owned();
    let (access, refresh) = (text("access_token"), text("refresh_token"));
    say("auth/refresh", json!({ "refresh_token": refresh })).await;
    let new = "another pass phrase";
    let change = json!({ "current_password": PASSWORD, "new_password": new });
    let request = http
        .put(format!("{base}/auth/password"))
        .bearer_auth(&access)
        .json(&change);
    assert_eq!(request.send().await.unwrap().status().as_u16(), 200);
    let log = process.text();
    assert!(log.contains("POST /api/v1/auth/login"), "{log}");
    for secret in [wrong, PASSWORD, new, &access, &refresh, "$argon2id$", SECRET] {
        assert!(!log.contains(secret), "{secret}");
    }
}
