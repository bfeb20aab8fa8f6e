//! Settings of usage-ingestor.

use std::time::Duration;

use secrecy::SecretString;
use serde::Deserialize;
use service_runtime::config::{ConfigError, Settings, is_empty};

/// The commented defaults.
pub const DEFAULTS: &str = include_str!("../default.toml");

/// Short names of variables and the keys that they set.
pub const SHORT_NAMES: [(&str, &str); 6] = [
    ("USAGE_DATABASE_URL", "database.logins.usage"),
    ("SIMWARD_INGEST_LISTEN", "usage.listen"),
    ("DATASTREAMER_USER", "usage.user"),
    ("DATASTREAMER_PASSWORD", "usage.password"),
    ("DATASTREAMER_NEXT_USER", "usage.next_user"),
    ("DATASTREAMER_NEXT_PASSWORD", "usage.next_password"),
];

/// Bytes of a MiB.
const MIB: usize = 1 << 20;
/// Batches may wait as long in the stream INGEST before they are merged.
const LONGEST_WAIT_DAYS: i64 = 30;

/// Receiver, merge, retention and readings.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IngestorConfig {
    /// Address and port of the receiver.
    pub listen: String,
    /// HTTP threads; 0 means one per core.
    pub workers: usize,
    /// The streams' login.
    pub user: String,
    /// Its password.
    pub password: SecretString,
    /// A second valid login.
    pub next_user: String,
    /// Its password.
    pub next_password: SecretString,
    /// The largest body, MiB.
    pub max_body_mb: usize,
    /// All bodies in work, MiB.
    pub receive_memory_mb: usize,
    /// How far in the future a record may end, hours.
    pub max_future_hours: i64,
    /// Records of one transaction.
    pub merge_records: usize,
    /// Transactions at the same time.
    pub merges: usize,
    /// A killed process keeps its batches for so long, seconds.
    pub lease_seconds: u64,
    /// Usage records are kept, days.
    pub usage_days: i32,
    /// Events are kept, days.
    pub events_days: i32,
    /// Rejected records are kept, days.
    pub rejects_days: i32,
    /// Chunks are compressed after, days.
    pub compress_after_days: i32,
    /// Quiet for so long means silent, minutes.
    pub silent_after_minutes: i64,
    /// Every SIM is compared with the API once in so many days.
    pub check_days: i64,
    /// History that is read for a new SIM, days.
    pub history_days: i64,
    /// Readings by API at the same time.
    pub readings_in_flight: usize,
}

impl IngestorConfig {
    /// Reads the section.
    ///
    /// # Errors
    /// When a value has the wrong type or is out of range.
    pub fn from_settings(settings: &Settings) -> Result<Self, ConfigError> {
        let config: Self = settings.section("usage")?;
        let wrong = config.wrong();
        if wrong.is_empty() {
            Ok(config)
        } else {
            Err(ConfigError::Unusable(wrong))
        }
    }

    fn wrong(&self) -> Vec<String> {
        let checks = [
            (
                self.user.is_empty() == is_empty(&self.password),
                "DATASTREAMER_USER and DATASTREAMER_PASSWORD go together",
            ),
            (
                self.next_user.is_empty() == is_empty(&self.next_password),
                "DATASTREAMER_NEXT_USER and DATASTREAMER_NEXT_PASSWORD go together",
            ),
            (
                !self.user.contains(':') && !self.next_user.contains(':'),
                "a user of the Data Streamer has no colon",
            ),
            (
                (1..=64).contains(&self.max_body_mb),
                "usage.max_body_mb is 1 to 64",
            ),
            (
                self.receive_memory_mb >= 2 * self.max_body_mb,
                "usage.receive_memory_mb is at least twice usage.max_body_mb",
            ),
            (
                (0..=876_000).contains(&self.max_future_hours),
                "usage.max_future_hours is 0 to 876000",
            ),
            (
                (1..=1_000_000).contains(&self.merge_records),
                "usage.merge_records is 1 to 1000000",
            ),
            ((1..=16).contains(&self.merges), "usage.merges is 1 to 16"),
            (
                (1..=3600).contains(&self.lease_seconds),
                "usage.lease_seconds is 1 to 3600",
            ),
            (
                i64::from(self.usage_days) > LONGEST_WAIT_DAYS + 10
                    && i64::from(self.events_days) > LONGEST_WAIT_DAYS + 10,
                "usage.usage_days and usage.events_days are over 40",
            ),
            (self.rejects_days >= 1, "usage.rejects_days is at least 1"),
            (
                self.compress_after_days >= 8,
                "usage.compress_after_days is at least 8: 1NCE sends records that are up to 7 days old",
            ),
            (
                self.silent_after_minutes >= 1,
                "usage.silent_after_minutes is at least 1",
            ),
            (self.check_days >= 1, "usage.check_days is at least 1"),
            (
                (0..=184).contains(&self.history_days),
                "usage.history_days is 0 to 184",
            ),
            (
                (1..=64).contains(&self.readings_in_flight),
                "usage.readings_in_flight is 1 to 64",
            ),
        ];
        let wrong = checks.iter().filter(|(fits, _)| !fits);
        wrong.map(|(_, rule)| (*rule).to_owned()).collect()
    }

    /// Bytes of the largest body.
    pub fn max_body(&self) -> usize {
        self.max_body_mb * MIB
    }

    /// Bytes of all bodies in work.
    pub fn receive_memory(&self) -> usize {
        self.receive_memory_mb * MIB
    }

    /// The oldest usage record that is taken: an older one would come to a chunk that is dropped, and then could come
    /// again and be counted again.
    pub fn oldest_usage(&self) -> chrono::Duration {
        chrono::Duration::days(i64::from(self.usage_days) - LONGEST_WAIT_DAYS - 10)
    }

    /// The same for events.
    pub fn oldest_event(&self) -> chrono::Duration {
        chrono::Duration::days(i64::from(self.events_days) - LONGEST_WAIT_DAYS - 10)
    }

    /// How long a stream may be quiet that usually is not.
    pub fn silent_after(&self) -> Duration {
        Duration::from_secs(u64::try_from(self.silent_after_minutes).unwrap_or(1) * 60)
    }
}
