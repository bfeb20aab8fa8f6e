//! An emulator, clients of it, Redis, and a proxy that can cut Redis off.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use chrono::{DateTime, NaiveDate, Utc};
use deadpool_redis::{Config, Pool, Runtime, redis};
use domain::{AccountSlug, Iccid};
use once_client::{ClientConfig, Generations, Lane, OnceClient};
use once_emulator::{CallFilter, CallRecord, ControlClient, Emulator, EmulatorConfig};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

pub const CLIENT_ID: &str = "990001_simward";
pub const SECRET: &str = "emulator-secret";

/// When the world of a test begins: no day of it ends while the test runs.
pub fn noon() -> DateTime<Utc> {
    "2026-07-15T12:00:00Z".parse().unwrap()
}

/// The day of [`noon`].
pub fn today() -> NaiveDate {
    noon().date_naive()
}

pub fn redis_url() -> String {
    std::env::var("TEST_REDIS_URL").expect("TEST_REDIS_URL is not set; `make test` provides it")
}

pub fn pool(url: &str) -> Pool {
    Config::from_url(url).create_pool(Some(Runtime::Tokio1)).unwrap()
}

pub fn recorder() -> Arc<dyn metrics::Recorder + Send + Sync> {
    Arc::new(metrics::NoopRecorder)
}

/// An emulator and a Redis prefix of its own.
pub struct World {
    pub emulator: Emulator,
    pub control: ControlClient,
    pub prefix: String,
}

impl World {
    pub async fn start(config: EmulatorConfig) -> Self {
        let emulator = Emulator::start(config.with_start(noon())).await.unwrap();
        Self {
            control: emulator.control(),
            emulator,
            prefix: format!("test-{}", uuid::Uuid::new_v4()),
        }
    }

    /// An emulator without limits, for tests that are not about them.
    pub async fn unlimited() -> Self {
        Self::start(EmulatorConfig::default().with_fleet(250).without_limits()).await
    }

    /// Settings for this emulator: fast, and with both generations asked for.
    pub fn config(&self) -> ClientConfig {
        let account = AccountSlug::parse("main").unwrap();
        let mut config = ClientConfig::new(account, self.emulator.base_url(), CLIENT_ID, SECRET.into());
        config.key_prefix = self.prefix.clone();
        config.sims_per_second = 500;
        config.retry_min_delay = Duration::from_millis(10);
        config
    }

    /// A client as another process would have it: nothing shared but Redis.
    pub fn client_with(&self, change: impl FnOnce(&mut ClientConfig)) -> OnceClient {
        let mut config = self.config();
        change(&mut config);
        OnceClient::new(config, Some(pool(&redis_url())), recorder()).unwrap()
    }

    pub fn client(&self) -> OnceClient {
        self.client_with(|_| {})
    }

    /// A client of one generation that asks nobody which ones live.
    pub fn only(&self, generations: Generations) -> OnceClient {
        self.client_with(|config| config.generations = generations)
    }

    pub async fn calls(&self, method: &str, path: &str) -> Vec<CallRecord> {
        let filter = CallFilter {
            path: Some(path.into()),
            method: Some(method.into()),
            ..CallFilter::default()
        };
        self.control.calls(&filter).await.unwrap()
    }

    pub async fn token_calls(&self) -> usize {
        self.calls("POST", "/oauth/token").await.len()
    }

    /// Numbers of the first cards of the fleet.
    pub async fn iccids(&self, client: &OnceClient, count: usize) -> Vec<Iccid> {
        let page = client.list_sims(Lane::Interactive, 1, 100).await.unwrap();
        assert!(page.rejects.is_empty(), "{:?}", page.rejects);
        page.sims.iter().take(count).map(|sim| sim.iccid).collect()
    }

    /// What a restart of Redis does to the budget of `/sims*`.
    pub async fn lose_budget(&self) {
        let names = [
            "state", "log", "wait0", "wait1", "wait2", "wait3", "served", "live", "since",
        ];
        let keys = names.map(|name| self.key(&format!("budget:{name}")));
        let mut connection = pool(&redis_url()).get().await.unwrap();
        redis::cmd("DEL")
            .arg(&keys)
            .query_async::<()>(&mut connection)
            .await
            .unwrap();
    }

    pub fn key(&self, name: &str) -> String {
        format!("{}:once:{{main}}:{name}", self.prefix)
    }
}

/// Waits until something is true; fails loudly when it does not become so.
pub async fn eventually<F, Fut>(what: &str, mut check: F)
where
    F: FnMut() -> Fut,
    Fut: Future<Output = bool>,
{
    let deadline = Instant::now() + Duration::from_secs(20);
    while !check().await {
        assert!(Instant::now() < deadline, "never happened: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A TCP proxy before Redis that can be cut and mended.
pub struct Proxy {
    pub url: String,
    up: Arc<AtomicBool>,
    cut: watch::Sender<u64>,
}

impl Proxy {
    pub async fn start() -> Self {
        let mut url = reqwest::Url::parse(&redis_url()).unwrap();
        let target = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap_or(6379));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        url.set_host(Some("127.0.0.1")).unwrap();
        url.set_port(Some(listener.local_addr().unwrap().port())).unwrap();
        let up = Arc::new(AtomicBool::new(true));
        let (cut, watcher) = watch::channel(0);
        let is_up = up.clone();
        tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                if !is_up.load(Ordering::SeqCst) {
                    continue;
                }
                let (target, mut cut) = (target.clone(), watcher.clone());
                cut.mark_unchanged();
                tokio::spawn(async move {
                    let Ok(mut far) = TcpStream::connect(target).await else {
                        return;
                    };
                    tokio::select! {
                        _ = tokio::io::copy_bidirectional(&mut near, &mut far) => {}
                        _ = cut.changed() => {}
                    }
                });
            }
        });
        Self {
            url: url.to_string(),
            up,
            cut,
        }
    }

    /// Closes every connection and refuses new ones.
    pub fn cut(&self) {
        self.up.store(false, Ordering::SeqCst);
        self.cut.send_modify(|generation| *generation += 1);
    }

    pub fn mend(&self) {
        self.up.store(true, Ordering::SeqCst);
    }
}
