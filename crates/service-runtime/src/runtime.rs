use std::future::Future;
use std::time::Duration;

use backon::{ConstantBuilder, Retryable};
use deadpool_redis::Pool;
use messages::RpcService;
use metrics_exporter_prometheus::BuildError;

use crate::boot::Service;
use crate::bus::{Bus, BusError, DueWork, Outcome, RpcServer, consume, publish_ticks};
use crate::config::RuntimeConfig;
use crate::db::{Db, DbError};
use crate::health::Health;
use crate::metrics::Metrics;
use crate::outbox;
use crate::redis::{self, RedisError};
use crate::shutdown::Shutdown;

const METRICS_UPKEEP: Duration = Duration::from_secs(5);
/// Reads in work for each connection of the pool: while one asks the database, another is read or answered.
const READS_PER_CONNECTION: usize = 2;

/// Why a service cannot start.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// NATS.
    #[error(transparent)]
    Bus(#[from] BusError),
    /// The database.
    #[error(transparent)]
    Db(#[from] DbError),
    /// Redis.
    #[error(transparent)]
    Redis(#[from] RedisError),
    /// Metrics.
    #[error("metrics: {0}")]
    Metrics(#[from] BuildError),
}

/// What the services of one process share.
#[derive(Debug, Clone)]
pub struct Shared {
    /// The configuration of the shared sections.
    pub config: RuntimeConfig,
    /// The connection to NATS.
    pub bus: Bus,
    /// The pool of Redis connections, if there is a Redis.
    pub redis: Option<Pool>,
    /// Every metric.
    pub metrics: Metrics,
    /// The end.
    pub shutdown: Shutdown,
}

impl Shared {
    /// Connects to NATS, trying for up to a minute, and declares the streams.
    ///
    /// # Errors
    /// When a server refuses us or does not answer within that time.
    pub async fn start(config: RuntimeConfig, process: &str) -> Result<Self, RuntimeError> {
        let every = ConstantBuilder::default()
            .with_delay(Duration::from_millis(500))
            .with_max_times(120);
        let bus = (|| Bus::connect(&config.nats, process))
            .retry(every)
            .notify(|error, _| tracing::warn!(%error, "waiting for NATS"))
            .await?;
        (|| bus.declare_streams())
            .retry(every)
            .notify(|error, _| tracing::warn!(%error, "waiting for JetStream"))
            .await?;
        let redis = redis::pool(&config.redis)?;
        let (metrics, shutdown) = (Metrics::new()?, Shutdown::new());
        let (kept, end) = (metrics.clone(), shutdown.clone());
        shutdown.spawn(async move {
            while end.sleep(METRICS_UPKEEP).await {
                kept.upkeep();
            }
        });
        Ok(Self {
            config,
            bus,
            redis,
            metrics,
            shutdown,
        })
    }
}

/// What one service stands on.
#[derive(Clone)]
pub struct Runtime {
    /// What it shares with the other services of its process.
    pub shared: Shared,
    /// Its own schema.
    pub db: Db,
    /// Its own checks; database, NATS and Redis are in it already.
    pub health: Health,
}

impl Runtime {
    /// Connects to the service's schema, trying for up to a minute.
    ///
    /// # Errors
    /// When the database refuses us or does not answer within that time, or the schema lacks a step.
    pub async fn start(shared: &Shared, service: &Service) -> Result<Self, RuntimeError> {
        let name = service.schema;
        let every = ConstantBuilder::default()
            .with_delay(Duration::from_millis(500))
            .with_max_times(120);
        let db = (|| Db::connect(&shared.config.database, name))
            .retry(every)
            .notify(|error, _| tracing::warn!(%error, service = name, "waiting for the database"))
            .await?;
        db.require_current(service.steps).await?;
        db.watch_pool(&shared.metrics, &shared.shutdown);
        let health = checks(shared, &db, name).await?;
        Ok(Self {
            shared: shared.clone(),
            db,
            health,
        })
    }

    /// Publishes the tick, and does the work that it asks for on whichever replica takes it, until the end.
    pub fn on_tick<A, F, E>(&self, due: DueWork, app: A, work: fn(A) -> F)
    where
        A: Clone + Send + Sync + 'static,
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: std::fmt::Display + Send + 'static,
    {
        let Shared {
            bus,
            metrics,
            shutdown,
            ..
        } = self.shared.clone();
        let tick = due.tick();
        shutdown.spawn(publish_ticks(bus.clone(), tick, shutdown.clone()));
        let ending = shutdown.clone();
        let handler = move |_message| {
            let (work, end) = (work(app.clone()), ending.clone());
            async move {
                match end.or(work).await {
                    Some(Ok(())) => Outcome::Done,
                    Some(Err(error)) => {
                        tracing::warn!(%error, job = tick.job, "periodic work is tried again later");
                        Outcome::Retry(due.retry)
                    }
                    None => Outcome::Retry(Duration::ZERO),
                }
            }
        };
        let consumed = consume(bus, due.consumer, metrics, shutdown.clone(), handler);
        shutdown.spawn(consumed);
    }

    /// A server of the service `S` whose handlers get the app; it answers from [`RpcServer::start`] on.
    pub fn rpc_server<S: RpcService, A: Clone + Send + Sync + 'static>(&self, app: A) -> RpcServer<S, A> {
        let shared = &self.shared;
        let connections = usize::try_from(shared.config.database.max_connections).unwrap_or(usize::MAX);
        RpcServer::new(
            &shared.bus,
            app,
            self.health.clone(),
            shared.metrics.clone(),
            shared.shutdown.clone(),
        )
        .reading_at_most(connections.saturating_mul(READS_PER_CONNECTION))
    }
}

/// What every service stands on.
async fn checks(shared: &Shared, db: &Db, name: &'static str) -> Result<Health, DbError> {
    let health = Health::new(name);
    let database = db.clone();
    health.add("database", true, move || {
        let database = database.clone();
        async move { database.ping().await }
    });
    let bus = shared.bus.clone();
    health.add("nats", true, move || {
        let bus = bus.clone();
        async move { bus.check() }
    });
    // Without JetStream a service with events answers, but no event leaves and no job is queued.
    if db.has_table("outbox").await? {
        let bus = shared.bus.clone();
        health.add("jetstream", false, move || {
            let bus = bus.clone();
            async move { bus.check_jetstream().await }
        });
        let database = db.clone();
        health.add("outbox", false, move || {
            let database = database.clone();
            async move { outbox::check(&database).await }
        });
    }
    if let Some(pool) = shared.redis.clone() {
        health.add("redis", false, move || {
            let pool = pool.clone();
            async move { redis::ping(&pool).await }
        });
    }
    Ok(health)
}
