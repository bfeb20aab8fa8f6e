use std::net::SocketAddr;
use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::OrganizationId;
use gateway::keys::{self, CreatedKey, NewKey};
use gateway::{GatewayConfig, GatewayError, Permission};
use messages::pb::sim::{Sim, SimConfigUpdated, SimRevision, SimRevisions};
use messages::{EventEnvelope, EventType};
use prost::Message;
use reqwest::header::HeaderMap;
use secrecy::ExposeSecret;
use serde_json::Value;
use service_runtime::Shared;
use service_runtime::bus::Bus;
use service_runtime::config::{RuntimeConfig, Settings};
use service_runtime::db::Db;
use service_runtime::metrics::Metrics;
use service_runtime::shutdown::Shutdown;
use sqlx::{Connection, PgConnection};
use test_support::Scope;
use uuid::Uuid;

use crate::fake_sims::FakeSims;
use crate::fake_usage::FakeUsage;
use crate::promised::assert_promised;

pub const ICCID: &str = "8988999000000000017";
pub const SECRET: &str = "test-secret-test-secret-test-secret";

/// A database, subjects and keys of one test.
pub struct World {
    pub config: RuntimeConfig,
    pub bus: Bus,
    pub db: Db,
    pub sims: FakeSims,
    pub usage: FakeUsage,
}

/// A gateway in its world.
pub struct App {
    pub world: World,
    pub gateway: Gateway,
}

/// One running gateway.
#[derive(Debug, Clone)]
pub struct Gateway {
    pub addr: SocketAddr,
    pub shared: Shared,
    http: reqwest::Client,
}

pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
    pub body: Value,
}

impl Answer {
    pub fn code(&self) -> &str {
        self.body["error"]["code"].as_str().unwrap_or_default()
    }

    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text);
        self
    }
}

impl World {
    pub async fn new() -> Self {
        Self::of(Scope::new().await).await
    }

    pub async fn of(scope: Scope) -> Self {
        let config = scope.runtime_config();
        gateway::SERVICE.migrate(&config.database).await.unwrap();
        let bus = Bus::connect(&config.nats, "test").await.unwrap();
        let db = Db::connect(&config.database, gateway::SERVICE.schema)
            .await
            .unwrap();
        let sims = FakeSims::start(&bus).await;
        let usage = FakeUsage::start(&bus).await;
        Self {
            config,
            bus,
            db,
            sims,
            usage,
        }
    }

    /// Runs a statement as the owner.
    pub async fn as_owner(&self, statement: &'static str) -> Result<(), sqlx::Error> {
        let mut owner = PgConnection::connect(self.config.database.url.expose_secret()).await?;
        sqlx::query(statement).execute(&mut owner).await.map(|_| ())
    }

    pub fn gateway_config(&self) -> GatewayConfig {
        let variable = |key: &str| match key {
            "SIMWARD_KEY_SECRET" => Some(SECRET.to_owned()),
            "SIMWARD_LISTEN" => Some("127.0.0.1:0".to_owned()),
            _ => None,
        };
        let settings = Settings::build(&[gateway::DEFAULTS], &gateway::SHORT_NAMES, variable).unwrap();
        let mut config = GatewayConfig::from_settings(&settings).unwrap();
        config.listen.workers = 1;
        config.limits.unauthenticated_per_minute = 100_000;
        config
    }

    pub async fn start(&self, config: GatewayConfig) -> Gateway {
        self.try_start(config).await.unwrap()
    }

    pub async fn try_start(&self, config: GatewayConfig) -> Result<Gateway, GatewayError> {
        let shared = Shared {
            config: self.config.clone(),
            bus: Bus::connect(&self.config.nats, "gateway").await.unwrap(),
            redis: service_runtime::redis::pool(&self.config.redis).unwrap(),
            metrics: Metrics::new().unwrap(),
            shutdown: Shutdown::new(),
        };
        let addr = gateway::run(config, shared.clone()).await?.addr();
        let http = reqwest::Client::builder().no_proxy().no_gzip().build().unwrap();
        Ok(Gateway { addr, shared, http })
    }

    pub async fn key(&self, new: NewKey) -> CreatedKey {
        keys::create(&self.db, &SECRET.to_owned().into(), new)
            .await
            .unwrap()
    }

    pub async fn key_for(&self, scopes: &[Permission], organization: Option<OrganizationId>) -> String {
        let new = NewKey {
            organization,
            ..plenty(scopes)
        };
        self.key(new).await.key.expose_secret().to_owned()
    }

    pub async fn expiring_key(&self, end: DateTime<Utc>) -> String {
        let new = NewKey {
            expires_at: Some(end),
            ..plenty(&[Permission::Admin])
        };
        self.key(new).await.key.expose_secret().to_owned()
    }

    pub async fn organization(&self) -> OrganizationId {
        let id = Uuid::now_v7();
        sqlx::query("INSERT INTO organizations (id, name, slug) VALUES ($1, 'Other', $2)")
            .bind(id)
            .bind(&id.simple().to_string()[..30])
            .execute(self.db.pool())
            .await
            .unwrap();
        OrganizationId(id)
    }

    /// Tells the caches alone that SIMs have a new revision, as sim-service does for a page of a sweep.
    pub async fn revise(&self, sims: &[(&str, i64)]) {
        let revision = |(iccid, revision): &(&str, i64)| SimRevision {
            iccid: iccid.parse().unwrap(),
            revision: *revision,
        };
        let told = SimRevisions {
            sims: sims.iter().map(revision).collect(),
        };
        let client = self.bus.client();
        let subject = self.bus.subjects().sim_revisions();
        client
            .publish(subject, told.encode_to_vec().into())
            .await
            .unwrap();
        client.flush().await.unwrap();
    }

    /// Announces that a SIM changed.
    pub async fn announce(&self, iccid: &str, revision: i64) {
        let event = SimConfigUpdated {
            iccid: iccid.into(),
            revision,
            ..Default::default()
        };
        let envelope = EventEnvelope {
            id: Uuid::now_v7(),
            event: EventType::SimConfigUpdated,
            source: "test",
            time: Utc::now(),
            iccid: iccid.parse().ok(),
            organization: None,
        };
        let mut headers = async_nats::HeaderMap::new();
        for (name, value) in envelope.headers() {
            headers.insert(name, value.as_str());
        }
        let subject = self.bus.subjects().event(envelope.event, envelope.iccid);
        let publish = self
            .bus
            .client()
            .publish_with_headers(subject, headers, event.encode_to_vec().into());
        publish.await.unwrap();
        self.bus.client().flush().await.unwrap();
    }
}

impl App {
    pub async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    pub async fn start_with(change: impl FnOnce(&mut GatewayConfig)) -> Self {
        let world = World::new().await;
        let mut config = world.gateway_config();
        change(&mut config);
        let gateway = world.start(config).await;
        Self { world, gateway }
    }
}

impl Gateway {
    pub fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let url = format!("http://{}{path}", self.addr);
        self.http.request(method.parse().unwrap(), url)
    }

    /// The value of a metric without a fraction, `name{labels}` as it is shown; 0 when it is not there yet.
    pub fn metric(&self, name: &str) -> u64 {
        let text = self.shared.metrics.render();
        let value = |line: &str| Some(line.strip_prefix(name)?.strip_prefix(' ')?.parse().unwrap());
        text.lines().find_map(value).unwrap_or(0)
    }

    pub async fn get(&self, path: &str, key: &str) -> Answer {
        send(self.request("GET", path).header("X-API-Key", key)).await
    }

    pub async fn put(&self, path: &str, key: &str, body: Value) -> Answer {
        send(self.request("PUT", path).header("X-API-Key", key).json(&body)).await
    }

    pub async fn post(&self, path: &str, key: &str, body: Value) -> Answer {
        send(self.request("POST", path).header("X-API-Key", key).json(&body)).await
    }
}

pub async fn send(request: reqwest::RequestBuilder) -> Answer {
    let (client, request) = request.build_split();
    let request = request.unwrap();
    let (method, path) = (request.method().clone(), request.url().path().to_owned());
    let response = client.execute(request).await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    assert_promised(&method, &path, status);
    let text = response.text().await.unwrap();
    let body = serde_json::from_str(&text).unwrap_or(Value::Null);
    Answer {
        status,
        headers,
        text,
        body,
    }
}

/// Whether an answer comes to its end. One that breaks off soon may show no status either.
pub async fn is_whole(request: reqwest::RequestBuilder) -> bool {
    match request.send().await {
        Ok(answer) => answer.bytes().await.is_ok(),
        Err(_) => false,
    }
}

pub fn sim(iccid: &str, revision: i64, label: &str) -> Sim {
    Sim {
        iccid: iccid.into(),
        account: "main".into(),
        organization_id: OrganizationId::DEFAULT.to_string(),
        revision,
        status: "Enabled".into(),
        provider_status: "Enabled".into(),
        label: Some(label.into()),
        ..Sim::default()
    }
}

/// A key that reaches no limit.
pub fn plenty(scopes: &[Permission]) -> NewKey {
    NewKey {
        rate_limit_per_minute: 1_000_000_000,
        rate_limit_per_hour: 1_000_000_000,
        ..NewKey::new("test", scopes.to_vec())
    }
}

pub fn path(iccid: &str) -> String {
    format!("/api/v1/sims/{iccid}")
}

/// Asks again and again until the condition holds; fails after ten seconds with what was seen last.
pub async fn until<F, T>(what: &str, mut check: F)
where
    F: AsyncFnMut() -> Result<(), T>,
    T: std::fmt::Debug,
{
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    loop {
        match check().await {
            Ok(()) => return,
            Err(seen) if tokio::time::Instant::now() > deadline => panic!("{what}: still {seen:?}"),
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
}

/// What was written down, keys aside.
pub async fn audited(app: &App) -> Vec<String> {
    sqlx::query_scalar("SELECT action FROM audit_log WHERE action NOT LIKE 'api_key.%' ORDER BY id")
        .fetch_all(app.world.db.pool())
        .await
        .unwrap()
}
