use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use super::part;

/// Fewer characters make no secret.
const SECRET_MIN: usize = 32;

part! {
    /// API keys.
    pub struct KeysConfig {
        /// Keys the hashes of API keys; at least 32 characters.
        pub key_secret: SecretString,
        /// Whether `?api_key=` is accepted.
        pub allow_query_key: bool,
        /// How long a key is trusted without asking the database, milliseconds.
        pub key_ttl_ms: u64,
        /// How often the use of keys is written down, milliseconds.
        pub key_usage_flush_ms: u64,
    }
}

impl KeysConfig {
    pub(super) fn missing(&self) -> Vec<String> {
        let is_secret = self.key_secret.expose_secret().chars().count() >= SECRET_MIN;
        let missing = format!("set SIMWARD_KEY_SECRET (at least {SECRET_MIN} random characters)");
        if is_secret { Vec::new() } else { vec![missing] }
    }

    pub(crate) fn ttl(&self) -> Duration {
        Duration::from_millis(self.key_ttl_ms)
    }

    pub(crate) fn usage_flush(&self) -> Duration {
        Duration::from_millis(self.key_usage_flush_ms.max(10))
    }
}
