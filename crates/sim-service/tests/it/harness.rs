use std::time::Duration;

use anyhow::{Context, ensure};
use chrono::{DateTime, Utc};
use messages::pb::sim::{
    GetSimRequest, ListSimsRequest, ListSimsResponse, Sim, StartSyncRequest, SyncRun, SyncStatusRequest,
    UpdateSimRequest,
};
use messages::{RpcMethod, sim_rpc};
use once_client::OnceClient;
use once_client::settings::OnceSettings;
use once_emulator::{ControlClient, Emulator, EmulatorConfig};
use service_runtime::Shared;
use service_runtime::bus::RpcError;
use sim_service::{SERVICE, SimServiceConfig};
use test_support::{Scope, boot, eventually};

/// sim-service, its emulator and its servers.
pub struct TestApp {
    pub scope: Scope,
    pub emulator: Emulator,
    pub shared: Shared,
}

impl TestApp {
    /// A service that sweeps only when asked, at a rate that does not slow a test down.
    pub async fn start(fleet: u32) -> Self {
        Self::start_with(quick(fleet), &[]).await
    }

    pub async fn start_with(emulator: EmulatorConfig, settings: &[(&str, &str)]) -> Self {
        Self::start_at(long_before_the_end_of_v1, emulator, settings).await
    }

    /// The same with another clock for what the end of 1NCE's API v1 asks for.
    pub async fn start_at(
        clock: fn() -> DateTime<Utc>,
        emulator: EmulatorConfig,
        settings: &[(&str, &str)],
    ) -> Self {
        let emulator = Emulator::start(at_noon(emulator)).await.expect("emulator");
        let scope = Scope::new().await;
        migrate(&scope).await;
        let shared = start_service_at(clock, &scope, &emulator, settings).await;
        Self {
            scope,
            emulator,
            shared,
        }
    }

    pub fn control(&self) -> ControlClient {
        self.emulator.control()
    }

    pub async fn call<M: RpcMethod>(&self, request: M::Request) -> Result<M::Response, RpcError> {
        self.shared
            .bus
            .call::<M>(&request, Duration::from_secs(20), "test")
            .await
    }

    /// Reads the fleet once and returns the finished run.
    pub async fn sync(&self) -> SyncRun {
        self.sync_with(StartSyncRequest::default()).await
    }

    pub async fn sync_with(&self, request: StartSyncRequest) -> SyncRun {
        let run = self
            .call::<sim_rpc::StartSync>(request)
            .await
            .expect("start")
            .runs
            .remove(0);
        eventually("the run ends", || async {
            let status = self.call::<sim_rpc::SyncStatus>(SyncStatusRequest {}).await?;
            let finished = status.accounts[0].last_finished.clone();
            let finished = finished.filter(|finished| finished.id == run.id);
            finished.with_context(|| format!("{status:?}"))
        })
        .await
    }

    pub async fn list(&self, request: ListSimsRequest) -> Result<ListSimsResponse, RpcError> {
        let scope = Some(domain::Scope::All.into());
        self.call::<sim_rpc::ListSims>(ListSimsRequest { scope, ..request })
            .await
    }

    /// Every listed SIM, by cursor.
    pub async fn all(&self) -> Vec<Sim> {
        let mut sims = Vec::new();
        let mut request = ListSimsRequest {
            page: 1,
            page_size: 100,
            ..ListSimsRequest::default()
        };
        loop {
            let page = self.list(request.clone()).await.expect("list");
            sims.extend(page.sims);
            if page.next_cursor.is_empty() {
                return sims;
            }
            request.cursor = page.next_cursor;
        }
    }

    pub async fn get(&self, iccid: &str, refresh: bool) -> Result<Sim, RpcError> {
        let scope = Some(domain::Scope::All.into());
        let request = GetSimRequest {
            scope,
            iccid: iccid.to_owned(),
            refresh,
        };
        self.call::<sim_rpc::GetSim>(request)
            .await
            .map(|answer| answer.sim.expect("a SIM"))
    }

    pub async fn update(&self, request: UpdateSimRequest) -> Result<Sim, RpcError> {
        let request = UpdateSimRequest {
            scope: Some(domain::Scope::All.into()),
            ..request
        };
        self.call::<sim_rpc::UpdateSim>(request)
            .await
            .map(|answer| answer.sim.expect("a SIM"))
    }

    /// The words and SIMs of all events published so far, once `expected` of them are there.
    pub async fn events(&self, expected: usize) -> Vec<(String, String)> {
        let bus = &self.shared.bus;
        eventually("the events are published", || async {
            let stream = bus
                .jetstream()
                .get_stream(bus.subjects().stream("EVENTS"))
                .await?;
            let count = stream.get_info().await?.state.messages;
            ensure!(count as usize >= expected, "{count} events");
            let mut events = Vec::new();
            for sequence in 1..=count {
                let message = stream.get_raw_message(sequence).await?;
                let head = |name: &str| message.headers.get(name).map(|value| value.as_str().to_owned());
                events.push((
                    head("ce-type").context("ce-type")?,
                    head("ce-subject").unwrap_or_default(),
                ));
            }
            Ok(events)
        })
        .await
    }

    /// Ends the service and starts it again on the schema as it is.
    pub async fn restart_as_is(&mut self) {
        assert!(
            self.shared.shutdown.finish(Duration::from_secs(10)).await,
            "an orderly end"
        );
        self.shared = start_service(&self.scope, &self.emulator, &[]).await;
    }

    /// Ends the service in an orderly way and starts it again.
    pub async fn restart(&mut self, settings: &[(&str, &str)]) {
        assert!(
            self.shared.shutdown.finish(Duration::from_secs(10)).await,
            "an orderly end"
        );
        self.shared = serve(&self.scope, &self.emulator, settings).await;
    }
}

/// Whatever the hour, no day of its world ends while a test runs: the use of a day would change the fleet.
fn at_noon(mut emulator: EmulatorConfig) -> EmulatorConfig {
    let noon = || "2026-07-15T12:00:00Z".parse().expect("a moment");
    emulator.start.get_or_insert_with(noon);
    emulator
}

/// An emulator that does not slow a test down.
pub fn quick(fleet: u32) -> EmulatorConfig {
    EmulatorConfig::default().with_fleet(fleet).without_limits()
}

/// Whatever the day, nothing is degraded by the end of v1 in a test that is about something else.
fn long_before_the_end_of_v1() -> DateTime<Utc> {
    "2026-07-15T12:00:00Z".parse().expect("a moment")
}

async fn migrate(scope: &Scope) {
    let database = scope.runtime_config().database;
    SERVICE.migrate(&database).await.expect("migrate");
}

async fn serve(scope: &Scope, emulator: &Emulator, settings: &[(&str, &str)]) -> Shared {
    migrate(scope).await;
    start_service(scope, emulator, settings).await
}

async fn start_service(scope: &Scope, emulator: &Emulator, settings: &[(&str, &str)]) -> Shared {
    start_service_at(long_before_the_end_of_v1, scope, emulator, settings).await
}

async fn start_service_at(
    clock: fn() -> DateTime<Utc>,
    scope: &Scope,
    emulator: &Emulator,
    settings: &[(&str, &str)],
) -> Shared {
    let base_url = emulator.base_url();
    let mut values = vec![
        ("ONCE_API_BASE_URL", base_url.as_str()),
        ("ONCE_CLIENT_ID", "990001_simward"),
        ("ONCE_CLIENT_SECRET", "emulator-secret"),
        ("ONCE_SIMS_PER_SECOND", "1000"),
        ("SIMWARD_SWEEP_INTERVAL", "86400"),
        ("sim.page_size", "100"),
        ("sim.refresh_within_seconds", "0"),
    ];
    values.extend(settings);
    let (settings, shared) = boot(scope, &SERVICE, &values).await;
    let mut config = SimServiceConfig::from_settings(&settings).expect("settings");
    config.clock = clock;
    let account: OnceSettings = settings.section("once").expect("settings");
    let account = account.client(&shared.config.redis.prefix).expect("an account");
    let client = OnceClient::new(account, shared.redis.clone(), shared.metrics.recorder()).expect("a client");
    let service = sim_service::run(config, client, &shared).await;
    service.expect("sim-service");
    shared
}

/// A service in a runtime of its own, which can be killed: its tasks end where they are.
pub struct Killable {
    runtime: tokio::runtime::Runtime,
    app: TestApp,
}

impl Killable {
    /// Call it inside a test's runtime, which stays free for the emulator.
    pub async fn start(emulator: EmulatorConfig, settings: &[(&str, &str)]) -> Self {
        let emulator = Emulator::start(at_noon(emulator)).await.expect("emulator");
        let scope = Scope::new().await;
        let settings: Vec<(String, String)> = settings
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("a runtime");
        let started = runtime.spawn(async move {
            let settings: Vec<(&str, &str)> = settings
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str()))
                .collect();
            let shared = serve(&scope, &emulator, &settings).await;
            TestApp {
                scope,
                emulator,
                shared,
            }
        });
        let app = started.await.expect("a service");
        Self { runtime, app }
    }

    pub fn app(&self) -> &TestApp {
        &self.app
    }

    /// As after `kill -9`: nothing of it goes on, and its leases stay until they are over.
    pub async fn kill_and_start_another(self, settings: &[(&str, &str)]) -> TestApp {
        let Self { runtime, app } = self;
        runtime.shutdown_background();
        let TestApp { scope, emulator, .. } = app;
        let shared = start_service(&scope, &emulator, settings).await;
        TestApp {
            scope,
            emulator,
            shared,
        }
    }
}

impl TestApp {
    /// A statement by the owner of the database.
    pub async fn sql(&self, sql: &'static str) {
        let db = service_runtime::db::Db::connect(&self.scope.runtime_config().database, "sim")
            .await
            .expect("a connection");
        sqlx::raw_sql(sql).execute(db.pool()).await.expect("a statement");
    }
}
