use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use service_runtime::config::{ConfigError, Settings};

use crate::limits::{RateLimits, TrustedProxies};

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
    /// Longest wait of a change until every other replica has forgotten what was before, milliseconds.
    pub replica_ack_ms: u64,
    /// Origins whose pages may ask, separated by commas, or `*`; empty means none.
    pub cors_origins: String,
    /// `max-age` of Strict-Transport-Security, seconds; 0 means that the header is not sent.
    pub hsts_seconds: u64,
    /// Open streams of events, in all.
    pub live_streams: usize,
    /// Open streams of one caller.
    pub live_streams_per_caller: usize,
    /// Events that wait for one client at most.
    pub live_queue_events: usize,
    /// The same in bytes.
    pub live_queue_bytes: usize,
    /// Requests of one user in a minute.
    pub user_rate_limit_per_minute: u32,
    /// Requests of one user in an hour.
    pub user_rate_limit_per_hour: u32,
    /// Requests without good credentials in a minute, of one address.
    pub unauthenticated_per_minute: u32,
    /// Whose `X-Forwarded-For` is believed.
    pub trusted_proxies: TrustedProxies,
    /// How long a request's head may take from its first byte to its last, milliseconds.
    pub head_timeout_ms: u64,
    /// How long a client may take nothing of its answer, milliseconds.
    pub write_timeout_ms: u64,
    /// How long a connection waits for its next request, milliseconds.
    pub keep_alive_ms: u64,
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
        for origin in cors_origins(&self.cors_origins).filter(|origin| !is_origin(origin)) {
            missing.push(format!(
                "gateway.cors_origins: `{origin}` is no origin (scheme://host[:port]) and not `*`"
            ));
        }
        if !missing.is_empty() {
            return Err(ConfigError::Missing(missing));
        }
        let positive = [
            (
                "user_rate_limit_per_minute",
                u64::from(self.user_rate_limit_per_minute),
            ),
            (
                "user_rate_limit_per_hour",
                u64::from(self.user_rate_limit_per_hour),
            ),
            (
                "unauthenticated_per_minute",
                u64::from(self.unauthenticated_per_minute),
            ),
            ("head_timeout_ms", self.head_timeout_ms),
            ("write_timeout_ms", self.write_timeout_ms),
            ("keep_alive_ms", self.keep_alive_ms),
        ];
        let wrong = positive.iter().filter(|(_, value)| *value == 0);
        let wrong: Vec<String> = wrong
            .map(|(name, _)| format!("gateway.{name} must not be 0"))
            .collect();
        if wrong.is_empty() {
            Ok(())
        } else {
            Err(ConfigError::Unusable(wrong))
        }
    }

    pub(crate) fn key_ttl(&self) -> Duration {
        Duration::from_millis(self.key_ttl_ms)
    }

    pub(crate) fn user_limits(&self) -> RateLimits {
        RateLimits {
            per_minute: self.user_rate_limit_per_minute,
            per_hour: self.user_rate_limit_per_hour,
        }
    }

    pub(crate) fn replica_ack(&self) -> Duration {
        Duration::from_millis(self.replica_ack_ms)
    }

    pub(crate) fn live_heartbeat(&self) -> Duration {
        Duration::from_millis(self.live_heartbeat_ms.max(10))
    }

    pub(crate) fn key_usage_flush(&self) -> Duration {
        Duration::from_millis(self.key_usage_flush_ms.max(10))
    }
}

/// The origins in a list with commas.
pub(crate) fn cors_origins(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').map(str::trim).filter(|origin| !origin.is_empty())
}

/// As a browser writes it, in lower case and without a path: it is compared as text.
fn is_origin(text: &str) -> bool {
    let host = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"));
    text == "*"
        || host.is_some_and(|host| {
            let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b".-:[]".contains(&b);
            !host.is_empty() && host.bytes().all(fits)
        })
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

    #[test]
    fn origins_are_a_list_with_commas_and_anything_else_is_refused_by_name() {
        let secret = "hunter2-hunter2-hunter2-hunter2-hunter2";
        let mut config = GatewayConfig::from_settings(&settings(secret)).unwrap();
        assert_eq!(cors_origins(&config.cors_origins).count(), 0);
        config.cors_origins = "https://a.example.com, http://localhost:3000,*".to_owned();
        config.check().unwrap();
        let origins: Vec<&str> = cors_origins(&config.cors_origins).collect();
        assert_eq!(origins, ["https://a.example.com", "http://localhost:3000", "*"]);
        for bad in [
            "a.example.com",
            "https://a.example.com/",
            "https://A.example.com",
            "null",
        ] {
            config.cors_origins = bad.to_owned();
            let error = config.check().unwrap_err().to_string();
            assert!(error.contains(bad), "{error}");
        }
    }
}
