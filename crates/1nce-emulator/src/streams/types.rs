//! What a stream is told and what it tells, shared by the control API and its client.

use serde::{Deserialize, Serialize};

/// The most records 1NCE puts into one request (FACTS §15.1).
pub const MAX_BATCH: usize = 3000;
/// A hundred years.
const LONGEST_HISTORY: i64 = 100 * 365 * 86_400;

/// What a stream carries; never mixed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StreamKind {
    /// Usage records.
    #[default]
    Usage,
    /// Event records.
    Events,
}

/// `POST /_emulator/streams`: a stream of one customer to one URL.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StreamConfig {
    /// Where batches are posted; required, http or https.
    pub url: String,
    /// User of the basic authorization; none = no such header.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Its password.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
    /// Usage or events.
    pub kind: StreamKind,
    /// Platform generation of the record shape, 1 or 2.
    pub generation: u8,
    /// Records per request, 1 to 3000.
    pub batch_size: usize,
    /// How far before now the stream begins, in domain seconds.
    pub history_seconds: i64,
    /// Records per real second; 0 = as fast as acknowledged.
    pub rate: u32,
    /// Real milliseconds an incomplete batch waits for more records.
    pub linger_ms: u64,
    /// Probability that a batch is sent once more later, and that a record is repeated in the next batch.
    pub duplicates: f64,
    /// Probability that a record is held back to one of the next batches.
    pub disorder: f64,
    /// Probability that a batch carries additional elements that are no records.
    pub garbage: f64,
    /// Whether bodies are compressed.
    pub gzip: bool,
    /// Failed attempts in a row until the stream is FAILED; 0 = it never gives up.
    pub max_failures: u32,
    /// Real milliseconds until the first retry; doubles up to five seconds.
    pub retry_ms: u64,
    /// Real milliseconds an answer may take.
    pub timeout_ms: u64,
    /// Whether a restart continues where the stream failed; otherwise at the moment of the restart.
    pub keeps_backlog: bool,
}

impl Default for StreamConfig {
    fn default() -> Self {
        Self {
            url: String::new(),
            user: None,
            password: None,
            kind: StreamKind::Usage,
            generation: 2,
            batch_size: MAX_BATCH,
            history_seconds: 0,
            rate: 0,
            linger_ms: 200,
            duplicates: 0.0,
            disorder: 0.0,
            garbage: 0.0,
            gzip: false,
            max_failures: 5,
            retry_ms: 100,
            timeout_ms: 10_000,
            keeps_backlog: true,
        }
    }
}

impl StreamConfig {
    /// Why the stream cannot exist.
    pub(crate) fn check(&self) -> Result<(), String> {
        let url = reqwest::Url::parse(&self.url).map_err(|e| format!("url: {e}"))?;
        let probability = |p: f64| (0.0..=1.0).contains(&p);
        let checks = [
            (["http", "https"].contains(&url.scheme()), "url is http or https"),
            ([1, 2].contains(&self.generation), "generation is 1 or 2"),
            (
                (1..=MAX_BATCH).contains(&self.batch_size),
                "batch_size is 1 to 3000",
            ),
            (
                (0..=LONGEST_HISTORY).contains(&self.history_seconds),
                "history_seconds is 0 to a hundred years",
            ),
            (
                [self.duplicates, self.disorder, self.garbage]
                    .into_iter()
                    .all(probability),
                "duplicates, disorder and garbage are between 0 and 1",
            ),
            (self.timeout_ms > 0, "timeout_ms is at least 1"),
            (
                self.password.is_none() || self.user.is_some(),
                "a password needs a user",
            ),
        ];
        match checks.iter().find(|(holds, _)| !holds) {
            Some((_, why)) => Err((*why).to_owned()),
            None => Ok(()),
        }
    }
}

/// Whether a stream pushes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum StreamState {
    /// Pushes.
    #[default]
    Running,
    /// Gave up after too many failures; waits for a restart.
    Failed,
    /// Stopped by a test; waits to be resumed.
    Paused,
}

/// `GET /_emulator/streams/{id}`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct StreamTruth {
    /// Its number.
    pub id: u64,
    /// Usage or events.
    pub kind: StreamKind,
    /// Where batches are posted.
    pub url: String,
    /// Whether it pushes.
    pub state: StreamState,
    /// Records posted at least once, repetitions not counted.
    pub sent: u64,
    /// Records acknowledged at least once.
    pub acked: u64,
    /// Acknowledged requests, repeated batches included.
    pub batches: u64,
    /// Acknowledged repetitions of records.
    pub duplicates_sent: u64,
    /// Acknowledged elements that are no records.
    pub garbage_sent: u64,
    /// Attempts that were not answered with 200, since the start.
    pub failures: u64,
    /// Status of the last answer.
    pub last_status: Option<u16>,
    /// Why the last failed attempt failed.
    pub last_error: Option<String>,
    /// Domain time, RFC 3339: everything until then is acknowledged, or lost by a restart without backlog.
    pub position: String,
    /// Nothing is waiting, and the position is now but for a second or two.
    pub caught_up: bool,
}

/// `GET /_emulator/usage-truth`: the records of one SIM and UTC day, as they should be added up.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsageTruth {
    /// 19 digits.
    pub iccid: String,
    /// `YYYY-MM-DD`, the day the records end in.
    pub day: String,
    /// Usage records.
    pub records: u64,
    /// Millionths of a MB.
    pub data_micro: i64,
    /// Sent bytes: each record rounded, half away from zero; a MB has 1,048,576.
    pub tx_bytes: i64,
    /// Received bytes, rounded like sent ones.
    pub rx_bytes: i64,
    /// Bytes of the records' totals, rounded like sent ones.
    pub total_bytes: i64,
    /// SMS from the device.
    pub sms_mo: i64,
    /// SMS to the device.
    pub sms_mt: i64,
}

/// Which records [`UsageTruth`] adds up.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TruthWindow {
    /// RFC 3339; records that ended later count.
    pub from: String,
    /// RFC 3339; records that ended then or earlier count.
    pub to: String,
    /// Client id; the first customer if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer: Option<String>,
}
