//! The account's settings as an operator writes them, the same for every program that calls 1NCE.

use std::time::Duration;

use domain::AccountSlug;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use crate::capability::Generations;
use crate::config::ClientConfig;

/// The commented defaults of the section `once`.
pub const DEFAULTS: &str = include_str!("../default.toml");

/// Short names of variables and the keys that they set.
pub const SHORT_NAMES: [(&str, &str); 7] = [
    ("ONCE_ACCOUNT", "once.account"),
    ("ONCE_API_BASE_URL", "once.base_url"),
    ("ONCE_CLIENT_ID", "once.client_id"),
    ("ONCE_CLIENT_SECRET", "once.client_secret"),
    ("ONCE_SIMS_PER_SECOND", "once.sims_per_second"),
    ("ONCE_GENERATIONS", "once.generations"),
    ("ONCE_ORDERS_VERSION", "once.orders_version"),
];

/// Every setting that is missing or cannot be meant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.join("; "))]
pub struct SettingsError(pub Vec<String>);

/// The 1NCE account.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OnceSettings {
    /// Our name for it.
    pub account: AccountSlug,
    /// Where the Management API is.
    pub base_url: String,
    /// Client id.
    pub client_id: String,
    /// Client secret.
    pub client_secret: SecretString,
    /// Requests per second on `/sims*`.
    pub sims_per_second: u32,
    /// `auto`, `v2` or `v1`.
    pub generations: String,
    /// `auto`, or the version segment of orders, products and support.
    pub orders_version: String,
    /// Processes that call 1NCE.
    pub replicas: u32,
    /// Longest wait for one answer, milliseconds.
    pub call_timeout_ms: u64,
}

impl OnceSettings {
    /// The client's configuration; its Redis keys begin with `key_prefix`.
    ///
    /// # Errors
    /// Names every setting that is missing or wrong.
    pub fn client(&self, key_prefix: &str) -> Result<ClientConfig, SettingsError> {
        let mut wrong = Vec::new();
        if self.client_id.is_empty() || self.client_secret.expose_secret().is_empty() {
            wrong.push(
                "set ONCE_CLIENT_ID and ONCE_CLIENT_SECRET (1NCE portal: Account, Management API Access)"
                    .to_owned(),
            );
        }
        let generations = match self.generations.as_str() {
            "auto" => Generations::Auto,
            "v2" => Generations::V2Only,
            "v1" => Generations::V1Only,
            other => {
                wrong.push(format!("ONCE_GENERATIONS is `{other}`: use auto, v2 or v1"));
                Generations::Auto
            }
        };
        let orders_version = Some(self.orders_version.clone()).filter(|version| version != "auto");
        let is_version =
            |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        for (fits, rule) in [
            (
                is_version(&self.orders_version),
                "ONCE_ORDERS_VERSION is auto or one segment of a path, such as v1",
            ),
            (self.sims_per_second >= 1, "ONCE_SIMS_PER_SECOND is at least 1"),
            (self.replicas >= 1, "SIMWARD__ONCE__REPLICAS is at least 1"),
            (
                self.call_timeout_ms >= 1,
                "SIMWARD__ONCE__CALL_TIMEOUT_MS is at least 1",
            ),
        ] {
            if !fits {
                wrong.push(rule.to_owned());
            }
        }
        if !wrong.is_empty() {
            return Err(SettingsError(wrong));
        }
        let secret = self.client_secret.clone();
        let mut config = ClientConfig::new(self.account.clone(), &self.base_url, &self.client_id, secret);
        config.sims_per_second = self.sims_per_second;
        config.replicas = self.replicas;
        config.generations = generations;
        config.orders_version = orders_version;
        config.key_prefix = key_prefix.to_owned();
        config.call_timeout = Duration::from_millis(self.call_timeout_ms);
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(orders_version: &str) -> OnceSettings {
        serde_json::from_value(serde_json::json!({
            "account": "main", "base_url": "https://example.com", "client_id": "id", "client_secret": "secret",
            "sims_per_second": 10, "generations": "auto", "orders_version": orders_version, "replicas": 1,
            "call_timeout_ms": 10_000,
        }))
        .unwrap()
    }

    #[test]
    fn the_version_of_orders_is_found_out_or_one_segment_of_a_path() {
        let version = |text| settings(text).client("x").map(|config| config.orders_version);
        assert_eq!(version("auto").unwrap(), None);
        assert_eq!(version("v2").unwrap().as_deref(), Some("v2"));
        for bad in ["", "v2/x", "../v1", "v 1"] {
            assert!(
                version(bad)
                    .unwrap_err()
                    .to_string()
                    .contains("ONCE_ORDERS_VERSION"),
                "{bad}"
            );
        }
    }
}
