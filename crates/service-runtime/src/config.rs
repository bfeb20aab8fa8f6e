//! Configuration: commented defaults compiled in, overridden by the environment, checked as a whole at start.

use std::collections::BTreeMap;
use std::time::Duration;

use ::config::{Config, Environment, File, FileFormat};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// The defaults of the sections in this module.
pub const DEFAULTS: &str = include_str!("../default.toml");

/// 1 PiB, so that it counts as bytes too.
const MAX_STREAM_MB: i64 = 1 << 30;

const SHORT_NAMES: [(&str, &str); 6] = [
    ("DATABASE_URL", "database.url"),
    ("NATS_URL", "nats.url"),
    ("REDIS_URL", "redis.url"),
    ("SIMWARD_ADMIN_LISTEN", "admin.listen"),
    ("RUST_LOG", "telemetry.filter"),
    ("OTEL_EXPORTER_OTLP_ENDPOINT", "telemetry.otlp_endpoint"),
];

/// Why the configuration cannot be used; names the key and how to set it.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A value has the wrong type, or a key is not known.
    #[error("configuration: {0}")]
    Invalid(#[from] ::config::ConfigError),
    /// Values that cannot be meant.
    #[error("configuration cannot be used: {}", .0.join("; "))]
    Unusable(Vec<String>),
    /// Keys without a usable value.
    #[error("configuration is incomplete: {}", .0.join("; "))]
    Missing(Vec<String>),
}

/// Collects defaults and environment; hands out one typed section at a time.
#[derive(Debug, Clone)]
pub struct Settings(Config);

impl Settings {
    /// Reads the given default files, the short names and every `SIMWARD__SECTION__KEY` of the environment.
    pub fn from_env(defaults: &[&str], short_names: &[(&str, &str)]) -> Result<Self, ConfigError> {
        Self::build(defaults, short_names, |name| {
            std::env::var(name).ok().filter(|value| !value.is_empty())
        })
    }

    /// The same with another source of short-named variables, for tests.
    pub fn build(
        defaults: &[&str],
        short_names: &[(&str, &str)],
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, ConfigError> {
        let mut builder = Config::builder().add_source(File::from_str(DEFAULTS, FileFormat::Toml));
        for text in defaults {
            builder = builder.add_source(File::from_str(text, FileFormat::Toml));
        }
        builder = builder.add_source(environment());
        for (name, key) in SHORT_NAMES.iter().chain(short_names) {
            builder = builder.set_override_option(*key, variable(name))?;
        }
        Ok(Self(builder.build()?))
    }

    /// One section as its type.
    pub fn section<T: DeserializeOwned>(&self, name: &str) -> Result<T, ConfigError> {
        Ok(self.0.get(name)?)
    }

    /// The sections that every service shares.
    pub fn runtime(&self) -> Result<RuntimeConfig, ConfigError> {
        let config = RuntimeConfig {
            database: self.section("database")?,
            nats: self.section("nats")?,
            redis: self.section("redis")?,
            admin: self.section("admin")?,
            telemetry: self.section("telemetry")?,
        };
        config.check()?;
        Ok(config)
    }
}

/// Every value stays the text that it is until a section says its type: `00123` is a password before it is a number.
fn environment() -> Environment {
    Environment::with_prefix("SIMWARD")
        .prefix_separator("__")
        .separator("__")
}

/// The sections that every service shares.
#[derive(Debug, Clone, Deserialize)]
pub struct RuntimeConfig {
    /// PostgreSQL with TimescaleDB.
    pub database: DatabaseConfig,
    /// NATS with JetStream.
    pub nats: NatsConfig,
    /// Redis.
    pub redis: RedisConfig,
    /// Health and metrics.
    pub admin: AdminConfig,
    /// Logs and traces.
    pub telemetry: TelemetryConfig,
}

impl RuntimeConfig {
    fn check(&self) -> Result<(), ConfigError> {
        let mut missing = Vec::new();
        let database = &self.database;
        let mut logins = database.logins.values();
        if is_empty(&database.url) && (database.logins.is_empty() || logins.any(is_empty)) {
            missing.push("set DATABASE_URL (postgres://user:password@host:5432/simward)".to_owned());
        }
        if is_empty(&self.nats.url) {
            missing.push("set NATS_URL (nats://user:password@host:4222)".to_owned());
        }
        if !missing.is_empty() {
            return Err(ConfigError::Missing(missing));
        }
        let wrong = self.wrong();
        if wrong.is_empty() {
            Ok(())
        } else {
            Err(ConfigError::Unusable(wrong))
        }
    }

    fn wrong(&self) -> Vec<String> {
        let (database, nats, redis) = (&self.database, &self.nats, &self.redis);
        let checks = [
            // The outbox holds one while it publishes.
            (
                database.max_connections >= 2,
                "database.max_connections must be at least 2",
            ),
            (
                database.acquire_timeout_ms > 0,
                "database.acquire_timeout_ms must not be 0",
            ),
            (
                database.statement_timeout_ms > 0,
                "database.statement_timeout_ms must not be 0",
            ),
            (
                nats.connect_timeout_ms > 0,
                "nats.connect_timeout_ms must not be 0",
            ),
            (
                (1..=5).contains(&nats.stream_replicas),
                "nats.stream_replicas must be 1 to 5",
            ),
            (
                (1..=MAX_STREAM_MB).contains(&nats.max_stream_mb),
                "nats.max_stream_mb must be 1 to 1073741824",
            ),
            (redis.timeout_ms > 0, "redis.timeout_ms must not be 0"),
            (redis.pool_size > 0, "redis.pool_size must not be 0"),
            (
                (0.0..=1.0).contains(&self.telemetry.sample_ratio),
                "telemetry.sample_ratio must be 0 to 1",
            ),
        ];
        let wrong = checks.iter().filter(|(fine, _)| !fine);
        wrong.map(|(_, rule)| (*rule).to_owned()).collect()
    }
}

/// Whether a secret setting was left out.
pub fn is_empty(secret: &SecretString) -> bool {
    secret.expose_secret().is_empty()
}

/// PostgreSQL.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatabaseConfig {
    /// The owner's login.
    pub url: SecretString,
    /// One login per schema, which reaches only that schema; an empty one stands for the owner's. Each service's defaults
    /// name its own.
    #[serde(default)]
    pub logins: BTreeMap<String, SecretString>,
    /// Connections per service.
    pub max_connections: u32,
    /// Longest wait for a connection, milliseconds.
    pub acquire_timeout_ms: u64,
    /// Longest statement, milliseconds.
    pub statement_timeout_ms: u64,
}

impl DatabaseConfig {
    /// The login of a schema, or the owner's when it has none of its own.
    pub fn url_of(&self, schema: &str) -> &SecretString {
        let own = self.logins.get(schema).filter(|login| !is_empty(login));
        own.unwrap_or(&self.url)
    }
}

/// NATS.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NatsConfig {
    /// Address with login.
    pub url: SecretString,
    /// Put before every subject and stream name.
    pub prefix: String,
    /// Longest wait for one connection attempt, milliseconds.
    pub connect_timeout_ms: u64,
    /// Copies of each stream.
    pub stream_replicas: usize,
    /// The largest stream, MiB.
    pub max_stream_mb: i64,
}

/// Redis.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RedisConfig {
    /// Address with password; empty means that there is none.
    pub url: SecretString,
    /// Put before every key.
    pub prefix: String,
    /// Longest wait for an answer, milliseconds.
    pub timeout_ms: u64,
    /// Connections per process.
    pub pool_size: usize,
}

impl RedisConfig {
    /// Longest wait for an answer.
    pub fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms)
    }
}

/// Health and metrics of a service that runs alone.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdminConfig {
    /// Address and port.
    pub listen: String,
}

/// Logs and traces.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TelemetryConfig {
    /// `tracing` filter.
    pub filter: String,
    /// OTLP over HTTP; empty means that no traces are sent.
    pub otlp_endpoint: String,
    /// The part of requests that is traced, 0 to 1.
    pub sample_ratio: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(variables: &'static [(&str, &str)]) -> Settings {
        let logins = [
            ("SIM_DATABASE_URL", "database.logins.sim"),
            ("GATEWAY_DATABASE_URL", "database.logins.gateway"),
        ];
        Settings::build(&[], &logins, |name| {
            variables
                .iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| (*value).to_owned())
        })
        .unwrap()
    }

    #[test]
    fn what_is_missing_is_named_all_at_once() {
        let error = settings(&[]).runtime().unwrap_err().to_string();
        assert!(
            error.contains("DATABASE_URL") && error.contains("NATS_URL"),
            "{error}"
        );
    }

    #[test]
    fn a_service_without_a_login_uses_the_owners() {
        let config = settings(&[
            ("DATABASE_URL", "postgres://o"),
            ("NATS_URL", "n"),
            ("SIM_DATABASE_URL", "postgres://s"),
        ])
        .runtime()
        .unwrap();
        assert_eq!(config.database.url_of("gateway").expose_secret(), "postgres://o");
        assert_eq!(config.database.url_of("sim").expose_secret(), "postgres://s");
    }

    #[test]
    fn the_owners_login_is_missed_only_where_a_schema_has_none_of_its_own() {
        let own = [("NATS_URL", "n"), ("SIM_DATABASE_URL", "postgres://s")];
        assert!(settings(&[("NATS_URL", "n")]).runtime().is_err());
        let settings = |defaults: &[&str]| {
            let find = |name: &str| {
                let found = own.iter().find(|(key, _)| *key == name);
                found.map(|(_, value)| (*value).to_owned())
            };
            Settings::build(defaults, &[("SIM_DATABASE_URL", "database.logins.sim")], find).unwrap()
        };
        assert!(settings(&[]).runtime().is_ok());
        assert!(settings(&["[database.logins]\nusage = ''"]).runtime().is_err());
    }

    #[test]
    fn secrets_do_not_print() {
        let config = settings(&[("DATABASE_URL", "postgres://u:hunter2@h/d"), ("NATS_URL", "n")])
            .runtime()
            .unwrap();
        assert!(!format!("{config:?}").contains("hunter2"));
    }

    /// The shared sections with these variables of the long form set as well.
    fn with_long(variables: &[(&str, &str)]) -> Result<RuntimeConfig, ConfigError> {
        let source = variables.iter();
        let source = source.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let config = Config::builder()
            .add_source(File::from_str(DEFAULTS, FileFormat::Toml))
            .add_source(environment().source(Some(source.collect())))
            .set_override("database.url", "postgres://o")
            .and_then(|builder| builder.set_override("nats.url", "n"))
            .and_then(|builder| builder.build());
        Settings(config.unwrap()).runtime()
    }

    #[test]
    fn a_text_of_digits_stays_a_text_and_a_number_is_read_as_one() {
        let config = with_long(&[
            ("SIMWARD__REDIS__PREFIX", "00123"),
            ("SIMWARD__REDIS__POOL_SIZE", "7"),
            ("SIMWARD__TELEMETRY__SAMPLE_RATIO", "0.5"),
        ])
        .unwrap();
        assert_eq!(
            (config.redis.prefix.as_str(), config.redis.pool_size),
            ("00123", 7)
        );
        assert_eq!(config.telemetry.sample_ratio.to_string(), "0.5");
    }

    #[test]
    fn an_unknown_key_and_values_that_cannot_be_meant_are_refused_by_name() {
        for (name, value, word) in [
            ("SIMWARD__DATABASE__MAX_CONECTIONS", "4", "max_conections"),
            ("SIMWARD__DATABASE__MAX_CONNECTIONS", "0", "max_connections"),
            ("SIMWARD__NATS__MAX_STREAM_MB", "-1", "max_stream_mb"),
            ("SIMWARD__TELEMETRY__SAMPLE_RATIO", "7", "sample_ratio"),
        ] {
            let error = with_long(&[(name, value)]).unwrap_err().to_string();
            assert!(error.contains(word), "{error}");
        }
    }
}
