//! One database, one schema and one login per service. A pool sees its own schema only.

use std::collections::HashSet;
use std::time::Duration;

use sea_orm::{ConnectOptions, ConnectionTrait, Database as SeaOrm, DatabaseConnection, DbErr};
use sea_orm_migration::{MigratorTrait, SchemaManager};
use secrecy::{ExposeSecret, SecretString};
use sqlx::PgPool;

use crate::config::DatabaseConfig;

mod roles;

pub use roles::prepare_schema;

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
        Self::connect_to(config.url_of(schema), config, schema).await
    }

    async fn connect_to(
        url: &SecretString,
        config: &DatabaseConfig,
        schema: &'static str,
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
            .sqlx_logging(false);
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

    /// The steps that the schema has taken; it may know later ones than this program.
    async fn applied_migrations(&self) -> Result<HashSet<String>, sqlx::Error> {
        let table = format!("{}.seaql_migrations", self.schema);
        let exists: bool = sqlx::query_scalar("SELECT to_regclass($1) IS NOT NULL")
            .bind(&table)
            .fetch_one(self.pool())
            .await?;
        if !exists {
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
    pub async fn require_current<M: MigratorTrait>(&self) -> Result<(), DbError> {
        let applied = self.applied_migrations().await?;
        let pending = M::migrations()
            .iter()
            .filter(|step| !applied.contains(step.name()))
            .count();
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

/// Makes the schema and the login, then runs the missing migrations; safe to repeat and to run twice at once.
///
/// # Errors
/// When the owner's login may not do that, or a migration fails.
pub async fn migrate<M: MigratorTrait>(
    config: &DatabaseConfig,
    schema: &'static str,
) -> Result<usize, DbError> {
    let mut owner_config = config.clone();
    owner_config.max_connections = 2;
    owner_config.statement_timeout_ms = 10 * 60 * 1000;
    let owner = Db::connect_to(&config.url, &owner_config, schema).await?;
    let mut lock = owner.pool().acquire().await?;
    sqlx::query("SELECT pg_advisory_lock(hashtext($1))")
        .bind("simward migrate")
        .execute(&mut *lock)
        .await?;
    let outcome = migrate_locked::<M>(&owner, config, schema).await;
    sqlx::query("SELECT pg_advisory_unlock(hashtext($1))")
        .bind("simward migrate")
        .execute(&mut *lock)
        .await?;
    outcome
}

async fn migrate_locked<M: MigratorTrait>(
    owner: &Db,
    config: &DatabaseConfig,
    schema: &'static str,
) -> Result<usize, DbError> {
    prepare_schema(owner, config, schema).await?;
    let before = M::get_pending_migrations(owner.orm()).await?.len();
    M::up(owner.orm(), None).await?;
    roles::grant(owner, config, schema).await?;
    Ok(before)
}

/// Runs one migration's SQL file: several statements, sent as they are.
///
/// # Errors
/// The first failing statement's.
pub async fn run_sql(manager: &SchemaManager<'_>, sql: &str) -> Result<(), DbErr> {
    manager.get_connection().execute_unprepared(sql).await.map(|_| ())
}
