use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use service_runtime::config::{ConfigError, Settings};

/// Fewer characters make no secret.
const SECRET_MIN: usize = 32;

/// The section `gateway`; `default.toml` says what each key means.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GatewayConfig {
    /// Address and port of the REST API.
    pub listen: String,
    /// Keys the hashes of API keys; at least 32 characters.
    pub key_secret: SecretString,
    /// Whether `?api_key=` is accepted.
    pub allow_query_key: bool,
    /// HTTP threads; 0 means one per core.
    pub workers: usize,
    /// Largest request body, bytes.
    pub body_limit_bytes: usize,
    /// How long a key is trusted without asking the database, milliseconds.
    pub key_ttl_ms: u64,
    /// How often the use of keys is written down, milliseconds.
    pub key_usage_flush_ms: u64,
    /// SIMs in memory, bytes.
    pub cache_bytes: u64,
    /// How long a SIM stays in memory, milliseconds.
    pub cache_ttl_ms: u64,
    /// How long a SIM stays in Redis, milliseconds.
    pub redis_cache_ttl_ms: u64,
    /// Longest wait for Redis, milliseconds.
    pub redis_cache_timeout_ms: u64,
    /// Open streams of events, in all.
    pub live_streams: usize,
    /// Open streams of one caller.
    pub live_streams_per_caller: usize,
    /// Events that wait for one client at most.
    pub live_queue_events: usize,
    /// The same in bytes.
    pub live_queue_bytes: usize,
    /// How often a stream is told that it lives, milliseconds.
    pub live_heartbeat_ms: u64,
}

impl GatewayConfig {
    /// Reads and checks the section.
    ///
    /// # Errors
    /// When a key has the wrong type or no usable value.
    pub fn from_settings(settings: &Settings) -> Result<Self, ConfigError> {
        let config: Self = settings.section("gateway")?;
        config.check()?;
        Ok(config)
    }

    /// Whether it can be used.
    ///
    /// # Errors
    /// Names every setting that cannot.
    pub fn check(&self) -> Result<(), ConfigError> {
        let mut missing = Vec::new();
        if self.key_secret.expose_secret().chars().count() < SECRET_MIN {
            missing.push(format!(
                "set SIMWARD_KEY_SECRET (at least {SECRET_MIN} random characters)"
            ));
        }
        if self.listen.is_empty() {
            missing.push("set SIMWARD_LISTEN (address:port)".to_owned());
        }
        if missing.is_empty() {
            Ok(())
        } else {
            Err(ConfigError::Missing(missing))
        }
    }

    pub(crate) fn key_ttl(&self) -> Duration {
        Duration::from_millis(self.key_ttl_ms)
    }

    pub(crate) fn live_heartbeat(&self) -> Duration {
        Duration::from_millis(self.live_heartbeat_ms.max(10))
    }

    pub(crate) fn key_usage_flush(&self) -> Duration {
        Duration::from_millis(self.key_usage_flush_ms.max(10))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(secret: &'static str) -> Settings {
        Settings::build(&[crate::DEFAULTS], &crate::SHORT_NAMES, |name| {
            (name == "SIMWARD_KEY_SECRET").then(|| secret.to_owned())
        })
        .unwrap()
    }

    #[test]
    fn a_short_secret_is_refused_by_name() {
        let error = GatewayConfig::from_settings(&settings("short")).unwrap_err();
        assert!(error.to_string().contains("SIMWARD_KEY_SECRET"), "{error}");
    }

    #[test]
    fn the_secret_does_not_print() {
        let config =
            GatewayConfig::from_settings(&settings("hunter2-hunter2-hunter2-hunter2-hunter2")).unwrap();
        assert!(!format!("{config:?}").contains("hunter2"));
        assert_eq!(config.body_limit_bytes, 64 * 1024);
    }
}
