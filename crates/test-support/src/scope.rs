use anyhow::Context;
use service_runtime::config::{RuntimeConfig, Settings};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use uuid::Uuid;

use crate::Stack;

/// NATS sets a stream's limit aside when it is made: with this, the servers of the tests
/// have room for 3,000 scopes.
const STREAM_MB: i64 = 8;

/// Every service has a schema, and a login of its own to it.
const SCHEMAS: [&str; 3] = ["gateway", "sim", "usage"];

/// A database of its own, and a prefix for NATS and Redis: what one test shares with no other.
#[derive(Debug, Clone)]
pub struct Scope {
    /// Begins every NATS subject, stream and Redis key.
    pub prefix: String,
    /// The owner's login to the test's database.
    pub database_url: String,
    /// NATS with the full login.
    pub nats_url: String,
    /// Redis.
    pub redis_url: String,
}

impl Scope {
    /// In the servers that `make test` provides.
    ///
    /// # Panics
    /// When `TEST_DATABASE_URL`, `TEST_NATS_URL` or `TEST_REDIS_URL` is missing: run the tests with `make test`.
    pub async fn new() -> Self {
        let given =
            |name: &str| std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run `make test`"));
        Self::on(
            &given("TEST_DATABASE_URL"),
            &given("TEST_NATS_URL"),
            &given("TEST_REDIS_URL"),
        )
        .await
    }

    /// In a stack of its own, which the test may kill.
    pub async fn on_stack(stack: &Stack) -> Self {
        Self::on(
            &stack.env("DATABASE_URL"),
            &stack.env("NATS_URL"),
            &stack.env("REDIS_URL"),
        )
        .await
    }

    async fn on(database_url: &str, nats_url: &str, redis_url: &str) -> Self {
        let prefix = format!("t{}", &Uuid::new_v4().simple().to_string()[..12]);
        let database = create_database(database_url, &prefix)
            .await
            .expect("cannot make the test's database");
        Self {
            prefix,
            database_url: database,
            nats_url: nats_url.to_owned(),
            redis_url: redis_url.to_owned(),
        }
    }

    /// The variables that point a process, or [`Settings::build`], at this scope.
    pub fn variables(&self) -> Vec<(String, String)> {
        [
            ("DATABASE_URL", &self.database_url),
            ("NATS_URL", &self.nats_url),
            ("REDIS_URL", &self.redis_url),
            ("SIMWARD__NATS__PREFIX", &self.prefix),
            ("SIMWARD__REDIS__PREFIX", &self.prefix),
            ("SIMWARD__NATS__MAX_STREAM_MB", &STREAM_MB.to_string()),
        ]
        .map(|(name, value)| (name.to_owned(), value.clone()))
        .into_iter()
        .chain(SCHEMAS.map(|schema| {
            let name = format!("{}_DATABASE_URL", schema.to_uppercase());
            (name, self.login(schema))
        }))
        .collect()
    }

    /// The shared sections of the configuration for a service that runs inside the test.
    ///
    /// # Panics
    /// When the defaults are broken.
    pub fn runtime_config(&self) -> RuntimeConfig {
        let variables = self.variables();
        let find = |name: &str| {
            variables
                .iter()
                .find(|(key, _)| key == name)
                .map(|(_, value)| value.clone())
        };
        let mut config = Settings::build(&[], &[], find)
            .and_then(|settings| settings.runtime())
            .expect("defaults");
        let login = |schema: &str| (schema.to_owned(), self.login(schema).into());
        config.database.logins = SCHEMAS.map(login).into();
        config.nats.prefix.clone_from(&self.prefix);
        config.redis.prefix.clone_from(&self.prefix);
        config.database.max_connections = 8;
        config.nats.max_stream_mb = STREAM_MB;
        config
    }

    /// The login of one service's role, which the migration makes; unique per test, for roles belong to the server.
    pub fn login(&self, service: &str) -> String {
        let (scheme, rest) = self.database_url.split_once("://").expect("a URL");
        let (_, host) = rest.rsplit_once('@').expect("a login");
        format!("{scheme}://{}_{service}:{}@{host}", self.prefix, self.prefix)
    }

    /// A connection as the owner.
    ///
    /// # Panics
    /// When the server does not answer.
    pub async fn connection(&self) -> PgConnection {
        PgConnection::connect(&self.database_url)
            .await
            .expect("the test's database")
    }
}

async fn create_database(owner_url: &str, name: &str) -> anyhow::Result<String> {
    let mut connection = PgConnection::connect(owner_url)
        .await
        .context("TEST_DATABASE_URL")?;
    // The name is made of hexadecimal digits only.
    sqlx::query(AssertSqlSafe(format!("CREATE DATABASE {name}")))
        .execute(&mut connection)
        .await?;
    connection.close().await?;
    let (server, _) = owner_url.rsplit_once('/').context("the URL names a database")?;
    Ok(format!("{server}/{name}"))
}
