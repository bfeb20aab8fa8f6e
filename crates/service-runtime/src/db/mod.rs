//! One database, one schema and one login per service. A pool sees its own schema only.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use sea_orm::{ConnectOptions, ConnectionTrait, Database as SeaOrm, DatabaseConnection, DbErr};
use secrecy::{ExposeSecret, SecretString};
use sqlx::PgPool;
use tracing::log::LevelFilter;

use crate::config::DatabaseConfig;
use crate::metrics::Metrics;
use crate::shutdown::Shutdown;

mod failure;
mod migrate;
mod roles;

pub use failure::{is_passing, is_permanent};
pub use migrate::{Step, migrate};
pub use roles::prepare_schema;

/// No transaction waits for anything so long.
const IDLE_IN_TRANSACTION: &str = "60s";
const WATCH_POOL: Duration = Duration::from_secs(5);

/// Why the database cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// No connection, or a statement failed.
    #[error("database: {0}")]
    Database(#[from] DbErr),
    /// A statement failed.
    #[error("database: {0}")]
    Sqlx(#[from] sqlx::Error),
    /// The schema is older than this program.
    #[error("schema `{schema}` lacks {pending} migration(s): run `simward migrate` first")]
    SchemaTooOld {
        /// The service's schema.
        schema: &'static str,
        /// How many migrations are missing.
        pending: usize,
    },
    /// A login cannot be made.
    #[error("login of schema `{schema}`: {reason}")]
    Login {
        /// The service's schema.
        schema: &'static str,
        /// What is wrong with it.
        reason: String,
    },
}

/// The pool of one service.
#[derive(Debug, Clone)]
pub struct Db {
    orm: DatabaseConnection,
    schema: &'static str,
}

impl Db {
    /// Connects with the schema's own login and looks into that schema only.
    ///
    /// # Errors
    /// When the server does not answer within the configured time.
    pub async fn connect(config: &DatabaseConfig, schema: &'static str) -> Result<Self, DbError> {
        Self::connect_to(config.url_of(schema), config, schema, true).await
    }

    async fn connect_to(
        url: &SecretString,
        config: &DatabaseConfig,
        schema: &'static str,
        traced: bool,
    ) -> Result<Self, DbError> {
        let mut options = ConnectOptions::new(url.expose_secret());
        options
            .max_connections(config.max_connections)
            .min_connections(1)
            .acquire_timeout(Duration::from_millis(config.acquire_timeout_ms))
            .statement_timeout(Duration::from_millis(config.statement_timeout_ms))
            // A connection in steady use needs no question before each statement.
            .test_before_acquire_if_idle_for(Duration::from_secs(1))
            .set_schema_search_path(format!("{schema},public"))
            .set_application_name(format!("simward-{schema}"))
            // A process that died with its machine must not keep its locks until the network notices.
            .map_sqlx_postgres_opts(|options| {
                options.options([("idle_in_transaction_session_timeout", IDLE_IN_TRANSACTION)])
            })
            // What `telemetry` makes spans of; a statement's text holds no values.
            .sqlx_logging(traced)
            .sqlx_logging_level(LevelFilter::Trace)
            .sqlx_slow_statements_logging_settings(LevelFilter::Trace, Duration::from_secs(1));
        Ok(Self {
            orm: SeaOrm::connect(options).await?,
            schema,
        })
    }

    /// For sea-orm's queries.
    pub fn orm(&self) -> &DatabaseConnection {
        &self.orm
    }

    /// For set-based statements and transactions that hold an outbox row.
    pub fn pool(&self) -> &PgPool {
        self.orm.get_postgres_connection_pool()
    }

    /// The schema's name.
    pub fn schema(&self) -> &'static str {
        self.schema
    }

    /// Whether the server answers.
    ///
    /// # Errors
    /// What is wrong, in words without the address.
    pub async fn ping(&self) -> Result<(), String> {
        self.orm
            .execute_unprepared("SELECT 1")
            .await
            .map(|_| ())
            .map_err(|_| "no answer".to_owned())
    }

    pub(crate) async fn has_table(&self, name: &str) -> Result<bool, sqlx::Error> {
        sqlx::query_scalar("SELECT to_regclass($1) IS NOT NULL")
            .bind(format!("{}.{name}", self.schema))
            .fetch_one(self.pool())
            .await
    }

    /// Shows how many connections are at work, and how long somebody who asks now waits for one.
    pub(crate) fn watch_pool(&self, metrics: &Metrics, shutdown: &Shutdown) {
        let labels = [("schema", self.schema)];
        let busy = metrics.gauge("simward_db_connections_busy", &labels);
        let wait = metrics.histogram("simward_db_pool_wait_seconds", &labels);
        let (pool, end) = (self.pool().clone(), shutdown.clone());
        shutdown.spawn(async move {
            while end.sleep(WATCH_POOL).await {
                busy.set(f64::from(pool.size()) - pool.num_idle() as f64);
                let began = Instant::now();
                let Some(connection) = end.or(pool.acquire()).await else {
                    return;
                };
                // A failure is a wait too: its length is what others wait before they fail.
                wait.record(began.elapsed().as_secs_f64());
                drop(connection);
            }
        });
    }

    /// The steps that the schema has taken; it may know later ones than this program.
    async fn applied_migrations(&self) -> Result<HashSet<String>, sqlx::Error> {
        if !self.has_table("seaql_migrations").await? {
            return Ok(HashSet::new());
        }
        let steps = sqlx::query_scalar("SELECT version FROM seaql_migrations")
            .fetch_all(self.pool())
            .await?;
        Ok(steps.into_iter().collect())
    }

    /// Refuses to go on when migrations are missing. A schema that is ahead is fine: it was only expanded.
    ///
    /// # Errors
    /// [`DbError::SchemaTooOld`], or the database's own.
    pub async fn require_current(&self, steps: &[Step]) -> Result<(), DbError> {
        let applied = self.applied_migrations().await?;
        let missing = steps.iter().filter(|step| !applied.contains(step.name));
        let pending = missing.count();
        if pending == 0 {
            Ok(())
        } else {
            Err(DbError::SchemaTooOld {
                schema: self.schema,
                pending,
            })
        }
    }
}
