//! Settings of sim-service: the pace of the sweep and of bulk jobs.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use service_runtime::config::{ConfigError, Settings};

/// The commented defaults.
pub const DEFAULTS: &str = include_str!("../default.toml");

/// Short names of variables and the keys that they set.
pub const SHORT_NAMES: [(&str, &str); 2] = [
    ("SIM_DATABASE_URL", "database.logins.sim"),
    ("SIMWARD_SWEEP_INTERVAL", "sim.sweep_interval_seconds"),
];

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
    /// The same, when 1NCE refuses the page each time.
    pub give_up_refused_after_seconds: u64,
    /// What 1NCE told within so many seconds answers a refresh.
    pub refresh_within_seconds: u32,
    /// Unlisted SIMs that are looked at one by one.
    pub verify_singly: usize,
    /// Passes in one run.
    pub max_passes: i32,
    /// The part of the fleet that may go missing in one run, percent.
    pub mass_missing_percent: i64,
}

/// The looks at 1NCE's API.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProviderConfig {
    /// How often each process looks which generations live.
    pub look_seconds: u64,
}

/// Bulk jobs.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JobsConfig {
    /// Jobs that one process works on at the same time.
    pub jobs_at_once: usize,
    /// SIMs of one job that are changed at 1NCE at the same time.
    pub items_in_flight: usize,
    /// How long a dead process keeps a job from others.
    pub lease_seconds: u64,
    /// The first pause after a failure that may pass; each further one is three times as long.
    pub retry_ms: u64,
    /// What 1NCE told longer ago is asked again before a SIM counts as unchanged.
    pub unchanged_within_seconds: u32,
}

/// Everything that sim-service needs beside the shared sections.
#[derive(Debug, Clone)]
pub struct SimServiceConfig {
    /// The sweep.
    pub sweep: SweepConfig,
    /// Bulk jobs.
    pub jobs: JobsConfig,
    /// The looks at 1NCE's API.
    pub provider: ProviderConfig,
    /// Tells how far the end of v1 of 1NCE's API is; tests set their own.
    pub clock: fn() -> DateTime<Utc>,
}

impl SimServiceConfig {
    /// Reads the section.
    ///
    /// # Errors
    /// When a value has the wrong type or is out of range.
    pub fn from_settings(settings: &Settings) -> Result<Self, ConfigError> {
        let config = Self {
            sweep: settings.section("sim")?,
            jobs: settings.section("jobs")?,
            provider: settings.section("provider")?,
            clock: Utc::now,
        };
        let (sweep, jobs) = (&config.sweep, &config.jobs);
        let checks = [
            (
                jobs.jobs_at_once >= 1 && jobs.items_in_flight >= 1,
                "SIMWARD__JOBS__JOBS_AT_ONCE and SIMWARD__JOBS__ITEMS_IN_FLIGHT are at least 1",
            ),
            (
                jobs.lease_seconds >= 1 && jobs.retry_ms >= 1,
                "SIMWARD__JOBS__LEASE_SECONDS and SIMWARD__JOBS__RETRY_MS are at least 1",
            ),
            (
                config.provider.look_seconds >= 1,
                "SIMWARD__PROVIDER__LOOK_SECONDS is at least 1",
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
