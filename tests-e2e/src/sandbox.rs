use std::time::Duration;

use anyhow::{Context, ensure};
use chrono::{DateTime, Days, NaiveTime, TimeDelta, Utc};
use once_emulator::{ControlClient, Emulator, EmulatorConfig, Fault};
use serde_json::{Value, json};
use test_support::{Scope, Simward, SimwardOptions, Stack, eventually_within};

/// One fleet at an emulated 1NCE, a scope of its own on the servers, and Simward processes over both.
pub struct Sandbox {
    /// 1NCE.
    pub emulator: Emulator,
    /// When its world began: a noon, so that none of its days begins or ends while a journey runs, and a history is as
    /// long at every hour of the real day.
    pub start: DateTime<Utc>,
    /// Database, NATS and Redis.
    pub scope: Scope,
    /// How processes are started.
    pub options: SimwardOptions,
    /// The running processes.
    pub processes: Vec<Simward>,
    /// Servers that belong to this sandbox alone. Dropped last.
    pub stack: Option<Stack>,
}

impl Sandbox {
    /// A process on the common servers. It reads the fleet once by itself, at its start, and then only when asked.
    pub async fn start(emulator: EmulatorConfig, settings: &[(&str, &str)]) -> Self {
        Self::build(emulator, &[], settings, None).await
    }

    /// The same with a 1NCE that has these faults from the beginning, so that the first reading meets them.
    pub async fn start_in_trouble(
        emulator: EmulatorConfig,
        faults: &[Fault],
        settings: &[(&str, &str)],
    ) -> Self {
        Self::build(emulator, faults, settings, None).await
    }

    /// The same on servers of its own, which the journey may kill.
    pub async fn start_on_own_servers(emulator: EmulatorConfig, settings: &[(&str, &str)]) -> Self {
        Self::build(emulator, &[], settings, Some(Stack::up())).await
    }

    async fn build(
        emulator: EmulatorConfig,
        faults: &[Fault],
        settings: &[(&str, &str)],
        stack: Option<Stack>,
    ) -> Self {
        let rate = match emulator.settings.rate_per_second {
            0 => 1000,
            rate => rate,
        };
        let start = emulator.start.unwrap_or_else(yesterday_noon);
        let emulator = emulator.with_start(start);
        let emulator = Emulator::start(emulator).await.expect("emulator");
        for fault in faults {
            emulator.control().faults_add(fault).await.expect("a fault");
        }
        let scope = match &stack {
            Some(stack) => Scope::on_stack(stack).await,
            None => Scope::new().await,
        };
        let mut options = SimwardOptions::default()
            .with("ONCE_API_BASE_URL", emulator.base_url())
            .with("ONCE_CLIENT_ID", "990001_simward")
            .with("ONCE_CLIENT_SECRET", "emulator-secret")
            .with("ONCE_SIMS_PER_SECOND", rate)
            .with("SIMWARD__SIM__LEASE_SECONDS", 2)
            .with("SIMWARD__SIM__REFRESH_WITHIN_SECONDS", 0)
            .with("SIMWARD_SWEEP_INTERVAL", 86_400);
        for (name, value) in settings {
            options = options.with(name, value);
        }
        let first = Simward::start(&scope, &options).await;
        Self {
            emulator,
            start,
            scope,
            options,
            processes: vec![first],
            stack,
        }
    }

    /// Steers 1NCE.
    pub fn once(&self) -> ControlClient {
        self.emulator.control()
    }

    /// The first process.
    pub fn simward(&self) -> &Simward {
        &self.processes[0]
    }

    /// Starts one more process over the same servers and the same 1NCE.
    pub async fn add_process(&mut self) {
        let key = self.processes[0].key.clone();
        self.processes
            .push(Simward::start_with_key(&self.scope, &self.options, &key).await);
    }

    /// Ends the first process as `kill -9` does, and starts another in its place.
    pub async fn kill_and_restart(&mut self) {
        self.processes[0].kill();
        let key = self.processes[0].key.clone();
        self.processes[0] = Simward::start_with_key(&self.scope, &self.options, &key).await;
    }

    /// Asks for a sync; returns the run's id.
    pub async fn start_sync(&self) -> anyhow::Result<String> {
        let (status, body) = self
            .simward()
            .request("POST", "/api/v1/sync/sims", Some(json!({})))
            .await?;
        ensure!(status == 202, "{status} {body}");
        Ok(body["data"]["runs"][0]["id"]
            .as_str()
            .context("a run id")?
            .to_owned())
    }

    /// The sync status of the only account.
    pub async fn sync_status(&self) -> anyhow::Result<Value> {
        Ok(self.simward().get("/api/v1/sync/status").await?["data"]["accounts"][0].clone())
    }

    /// A run on its way; fails while nobody has begun it.
    ///
    /// # Panics
    /// When it has ended: the machine stalled for longer than the journey left room for.
    pub async fn on_its_way(&self, run: &str) -> anyhow::Result<Value> {
        let status = self.sync_status().await?;
        assert!(
            status["last_finished"]["id"] != run,
            "the run ended before it was met: {status}"
        );
        ensure!(status["running"]["id"] == run, "{status}");
        Ok(status["running"].clone())
    }

    /// Waits for the end of a run and returns it.
    pub async fn finished(&self, run: &str) -> Value {
        eventually_within(Duration::from_secs(120), "the run ends", || async {
            let status = self.sync_status().await?;
            ensure!(status["last_finished"]["id"] == run, "{status}");
            Ok(status["last_finished"].clone())
        })
        .await
    }

    /// Waits for the end of the reading that Simward begins by itself, and returns it.
    pub async fn first_sync(&self) -> Value {
        eventually_within(Duration::from_secs(120), "the first run ends", || async {
            let status = self.sync_status().await?;
            ensure!(status["last_finished"].is_object(), "{status}");
            Ok(status["last_finished"].clone())
        })
        .await
    }

    /// Reads the fleet once, to the end; joins a reading that is on its way.
    pub async fn sync(&self) -> Value {
        let run = self.start_sync().await.expect("a sync starts");
        self.finished(&run).await
    }

    /// Every SIM that the REST API lists, by cursor.
    pub async fn all_sims(&self) -> anyhow::Result<Vec<Value>> {
        let mut sims = Vec::new();
        let mut cursor = String::new();
        loop {
            let page = self
                .simward()
                .get(&format!("/api/v1/sims?page_size=100&cursor={cursor}"))
                .await?;
            sims.extend(page["data"].as_array().context("a list")?.iter().cloned());
            match page["pagination"]["next_cursor"].as_str() {
                Some(next) => next.clone_into(&mut cursor),
                None => return Ok(sims),
            }
        }
    }
}

/// Over for Simward, whatever the hour.
fn yesterday_noon() -> DateTime<Utc> {
    let today = Utc::now().date_naive().and_time(NaiveTime::MIN).and_utc();
    today - Days::new(1) + TimeDelta::hours(12)
}
