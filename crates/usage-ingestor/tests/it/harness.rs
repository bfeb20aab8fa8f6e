use std::time::Duration;

use messages::RpcMethod;
use once_client::OnceClient;
use once_client::settings::OnceSettings;
use once_emulator::{ControlClient, Emulator, EmulatorConfig};
use service_runtime::Shared;
use service_runtime::bus::RpcError;
use sqlx::PgConnection;
use test_support::{DATASTREAMER, Scope, Stack, boot};
use usage_ingestor::{IngestorConfig, Running, SERVICE};

/// usage-ingestor, its emulator and its servers. There is no sim-service: a test plays it where it needs one.
pub struct TestApp {
    pub scope: Scope,
    pub emulator: Emulator,
    pub shared: Shared,
    pub service: Running,
    pub http: reqwest::Client,
}

impl TestApp {
    pub async fn start() -> Self {
        Self::start_with(EmulatorConfig::default().with_fleet(20).without_limits(), &[]).await
    }

    /// `settings` are keys of the section `usage`, such as `("silent_after_minutes", "1")`, or whole ones, such as
    /// `("once.call_timeout_ms", "500")`.
    pub async fn start_with(emulator: EmulatorConfig, settings: &[(&'static str, &'static str)]) -> Self {
        Self::build(emulator, Scope::new().await, settings).await
    }

    /// On servers that the test may kill.
    pub async fn start_on(stack: &Stack, settings: &[(&'static str, &'static str)]) -> Self {
        let emulator = EmulatorConfig::default().with_fleet(20).without_limits();
        Self::build(emulator, Scope::on_stack(stack).await, settings).await
    }

    async fn build(
        emulator: EmulatorConfig,
        scope: Scope,
        settings: &[(&'static str, &'static str)],
    ) -> Self {
        let emulator = Emulator::start(emulator).await.expect("emulator");
        SERVICE
            .migrate(&scope.runtime_config().database)
            .await
            .expect("migrate");
        let (shared, service) = serve(&scope, &emulator, settings).await;
        Self {
            scope,
            emulator,
            shared,
            service,
            http: reqwest::Client::new(),
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

    /// A connection as the owner that finds the schema's tables without its name.
    pub async fn connection(&self) -> PgConnection {
        let mut connection = self.scope.connection().await;
        sqlx::query("SET search_path = usage, public")
            .execute(&mut connection)
            .await
            .expect("search path");
        connection
    }

    /// Posts a body to a path of the receiver with the right login; returns the status and the text.
    pub async fn post(&self, path: &str, body: impl Into<reqwest::Body>) -> (u16, String) {
        let answer = self
            .http
            .post(format!("http://{}{path}", self.service.addr))
            .basic_auth(DATASTREAMER.0, Some(DATASTREAMER.1))
            .body(body)
            .send()
            .await
            .expect("an answer");
        (answer.status().as_u16(), answer.text().await.expect("a text"))
    }

    /// Ends the service in an orderly way and starts it again.
    pub async fn restart(&mut self, settings: &[(&'static str, &'static str)]) {
        assert!(
            self.shared.shutdown.finish(Duration::from_secs(10)).await,
            "an orderly end"
        );
        (self.shared, self.service) = serve(&self.scope, &self.emulator, settings).await;
    }
}

/// Records of the dates that tests name are kept, however long ago those are by now.
const KEPT: [(&str, &str); 2] = [("usage_days", "36500"), ("events_days", "36500")];

async fn serve(
    scope: &Scope,
    emulator: &Emulator,
    settings: &[(&'static str, &'static str)],
) -> (Shared, Running) {
    let base_url = emulator.base_url();
    let settings = [&KEPT, settings].concat();
    let mut values = vec![
        ("ONCE_API_BASE_URL", base_url.as_str()),
        ("ONCE_CLIENT_ID", "990001_simward"),
        ("ONCE_CLIENT_SECRET", "emulator-secret"),
        ("ONCE_SIMS_PER_SECOND", "1000"),
        ("usage.listen", "127.0.0.1:0"),
        ("usage.user", DATASTREAMER.0),
        ("usage.password", DATASTREAMER.1),
    ];
    let keys = settings.iter();
    let keys: Vec<(String, &str)> = keys
        .map(
            |(key, value)| match key.contains('.') || key.starts_with("ONCE_") {
                true => ((*key).to_owned(), *value),
                false => (format!("usage.{key}"), *value),
            },
        )
        .collect();
    values.extend(keys.iter().map(|(key, value)| (key.as_str(), *value)));
    let (settings, shared) = boot(scope, &SERVICE, &values).await;
    let config = IngestorConfig::from_settings(&settings).expect("settings");
    let account: OnceSettings = settings.section("once").expect("settings");
    let account = account.client(&shared.config.redis.prefix).expect("an account");
    let client = OnceClient::new(account, shared.redis.clone(), shared.metrics.recorder()).expect("a client");
    let service = usage_ingestor::run(config, client, &shared).await;
    (shared, service.expect("usage-ingestor"))
}
