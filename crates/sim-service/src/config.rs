//! Settings of sim-service: the 1NCE account and the pace of the sweep.

use std::time::Duration;

use domain::AccountSlug;
use once_client::{ClientConfig, Generations};
use secrecy::SecretString;
use serde::Deserialize;
use service_runtime::config::{ConfigError, Settings, is_empty};

/// The commented defaults.
pub const DEFAULTS: &str = include_str!("../default.toml");

/// Short names of variables and the keys that they set.
pub const SHORT_NAMES: [(&str, &str); 7] = [
    ("ONCE_ACCOUNT", "once.account"),
    ("ONCE_API_BASE_URL", "once.base_url"),
    ("ONCE_CLIENT_ID", "once.client_id"),
    ("ONCE_CLIENT_SECRET", "once.client_secret"),
    ("ONCE_SIMS_PER_SECOND", "once.sims_per_second"),
    ("ONCE_GENERATIONS", "once.generations"),
    ("SIMWARD_SWEEP_INTERVAL", "sim.sweep_interval_seconds"),
];

/// The 1NCE account.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OnceConfig {
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
    /// Processes that call 1NCE.
    pub replicas: u32,
    /// Longest wait for one answer, milliseconds.
    pub call_timeout_ms: u64,
}

impl OnceConfig {
    /// The client's configuration; its Redis keys begin with `key_prefix`.
    ///
    /// # Errors
    /// Names every setting that is missing or wrong.
    pub fn client(&self, key_prefix: &str) -> Result<ClientConfig, ConfigError> {
        let mut missing = Vec::new();
        if self.client_id.is_empty() || is_empty(&self.client_secret) {
            missing.push(
                "set ONCE_CLIENT_ID and ONCE_CLIENT_SECRET (1NCE portal: Account, Management API Access)"
                    .into(),
            );
        }
        let generations = match self.generations.as_str() {
            "auto" => Generations::Auto,
            "v2" => Generations::V2Only,
            "v1" => Generations::V1Only,
            other => {
                missing.push(format!("ONCE_GENERATIONS is `{other}`: use auto, v2 or v1"));
                Generations::Auto
            }
        };
        if !missing.is_empty() {
            return Err(ConfigError::Missing(missing));
        }
        let secret = self.client_secret.clone();
        let mut config = ClientConfig::new(self.account.clone(), &self.base_url, &self.client_id, secret);
        config.sims_per_second = self.sims_per_second;
        config.replicas = self.replicas;
        config.generations = generations;
        config.key_prefix = key_prefix.to_owned();
        config.call_timeout = Duration::from_millis(self.call_timeout_ms);
        Ok(config)
    }
}

/// The sweep.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SweepConfig {
    /// How often the whole fleet is read.
    pub sweep_interval_seconds: u64,
    /// SIMs per page.
    pub page_size: u32,
    /// Pages asked for at the same time.
    pub pages_in_flight: usize,
    /// How long a dead process keeps its run from others.
    pub lease_seconds: u64,
    /// A run fails when 1NCE gave no page for so long.
    pub give_up_after_seconds: u64,
    /// Unlisted SIMs that are looked at one by one.
    pub verify_singly: usize,
    /// Passes in one run.
    pub max_passes: i32,
    /// The part of the fleet that may go missing in one run, percent.
    pub mass_missing_percent: i64,
}

/// Everything that sim-service needs beside the shared sections.
#[derive(Debug, Clone)]
pub struct SimServiceConfig {
    /// The 1NCE account.
    pub once: OnceConfig,
    /// The sweep.
    pub sweep: SweepConfig,
}

impl SimServiceConfig {
    /// Reads both sections.
    ///
    /// # Errors
    /// When a value has the wrong type or is out of range.
    pub fn from_settings(settings: &Settings) -> Result<Self, ConfigError> {
        let config = Self {
            once: settings.section("once")?,
            sweep: settings.section("sim")?,
        };
        let (once, sweep) = (&config.once, &config.sweep);
        let checks = [
            (once.sims_per_second >= 1, "ONCE_SIMS_PER_SECOND is at least 1"),
            (once.replicas >= 1, "SIMWARD__ONCE__REPLICAS is at least 1"),
            (
                once.call_timeout_ms >= 1,
                "SIMWARD__ONCE__CALL_TIMEOUT_MS is at least 1",
            ),
            (
                sweep.sweep_interval_seconds >= 1,
                "SIMWARD_SWEEP_INTERVAL is at least 1",
            ),
            (
                sweep.give_up_after_seconds >= 1,
                "SIMWARD__SIM__GIVE_UP_AFTER_SECONDS is at least 1",
            ),
            (
                (1..=100).contains(&sweep.page_size),
                "SIMWARD__SIM__PAGE_SIZE is 1 to 100",
            ),
            (
                sweep.pages_in_flight >= 1,
                "SIMWARD__SIM__PAGES_IN_FLIGHT is at least 1",
            ),
            (
                sweep.lease_seconds >= 1,
                "SIMWARD__SIM__LEASE_SECONDS is at least 1",
            ),
            (sweep.max_passes >= 2, "SIMWARD__SIM__MAX_PASSES is at least 2"),
            (
                (1..=100).contains(&sweep.mass_missing_percent),
                "SIMWARD__SIM__MASS_MISSING_PERCENT is 1 to 100",
            ),
        ];
        let wrong: Vec<String> = checks
            .iter()
            .filter(|(fits, _)| !fits)
            .map(|(_, rule)| (*rule).to_owned())
            .collect();
        if wrong.is_empty() {
            Ok(config)
        } else {
            Err(ConfigError::Unusable(wrong))
        }
    }
}
