//! What came in, as REST shows it.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use messages::Timestamp;
use messages::pb::usage as pb;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::rest::frame::Example;
use crate::rest::frame::example::TIME;
use crate::rest::frame::fields::words_of;

words_of! {
    /// One of the two streams.
    pub type StreamKindWord = StreamKind as "StreamName"
}

words_of! {
    /// Whether a stream brings what it usually does.
    pub type StreamStateWord = StreamState as "StreamState"
}

words_of! {
    /// What a record would have been.
    pub type RejectKindWord = RejectKind as "RejectKind"
}

/// How the Data Streamer and the readings by API stand.
#[derive(Debug, Serialize, ToSchema)]
pub struct IngestStatusView {
    streams: Vec<StreamView>,
    /// Received batches that are not merged yet.
    batches_waiting: u64,
    /// Age of the oldest of them.
    lag_seconds: f64,
    /// Records that could not be read and were not replayed.
    rejects_open: u64,
    api_readings: ApiReadingsView,
    /// Closed days of the last five weeks on which stream and API differ by more than rounding explains.
    days_that_differ: u64,
    /// SIMs that sent records and that no inventory knows.
    sims_unknown: u64,
}

/// One of the two streams.
#[derive(Debug, Serialize, ToSchema)]
pub struct StreamView {
    #[schema(value_type = StreamKindWord)]
    stream: String,
    #[schema(value_type = StreamStateWord)]
    state: String,
    #[schema(value_type = Option<String>, format = DateTime)]
    last_received_at: Option<Timestamp>,
    /// When the newest record ended.
    #[schema(value_type = Option<String>, format = DateTime)]
    last_record_at: Option<Timestamp>,
    #[schema(value_type = Option<String>, format = DateTime)]
    silent_since: Option<Timestamp>,
    records_last_hour: u64,
    records_last_day: u64,
    /// Records that had come before.
    duplicates_last_day: u64,
    rejects_last_day: u64,
    batches_last_day: u64,
    /// What usually comes at this time of the day.
    expected_per_hour: f64,
}

/// Daily usage that is read from 1NCE's API, a SIM a call, inside the request budget.
#[derive(Debug, Serialize, ToSchema)]
pub struct ApiReadingsView {
    /// SIMs that wait for a reading now.
    due: u64,
    read_last_day: u64,
    failed_last_day: u64,
    #[schema(value_type = Option<String>, format = DateTime)]
    last_read_at: Option<Timestamp>,
    last_error: Option<String>,
    /// 1NCE offers usage by API to the account.
    available: bool,
}

/// A record that could not be read.
#[derive(Debug, Serialize, ToSchema)]
pub struct RejectView {
    id: String,
    #[schema(value_type = RejectKindWord)]
    kind: String,
    reason: String,
    /// As received; null when it is no text.
    raw: Option<String>,
    /// As received, in Base64, when it is no text.
    raw_base64: Option<String>,
    /// The batch that brought it last.
    batch: String,
    /// How often it came.
    seen: u64,
    #[schema(value_type = Option<String>, format = DateTime)]
    received_at: Option<Timestamp>,
    #[schema(value_type = Option<String>, format = DateTime)]
    replayed_at: Option<Timestamp>,
}

/// What became of rejected records that were read again.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReplayedView {
    accepted: u64,
    /// Rejected again; their reason is today's.
    rejected: u64,
}

impl From<pb::IngestStatusResponse> for IngestStatusView {
    fn from(status: pb::IngestStatusResponse) -> Self {
        let readings = status.api_readings.unwrap_or_default();
        Self {
            streams: status.streams.into_iter().map(Into::into).collect(),
            batches_waiting: status.batches_waiting,
            lag_seconds: status.lag_seconds,
            rejects_open: status.rejects_open,
            api_readings: ApiReadingsView {
                due: readings.due,
                read_last_day: readings.read_last_day,
                failed_last_day: readings.failed_last_day,
                last_read_at: readings.last_read_at,
                last_error: (!readings.last_error.is_empty()).then_some(readings.last_error),
                available: readings.available,
            },
            days_that_differ: status.days_that_differ,
            sims_unknown: status.sims_unknown,
        }
    }
}

impl From<pb::ReplayRejectsResponse> for ReplayedView {
    fn from(replayed: pb::ReplayRejectsResponse) -> Self {
        Self {
            accepted: replayed.accepted,
            rejected: replayed.rejected,
        }
    }
}

impl From<pb::StreamStatus> for StreamView {
    fn from(stream: pb::StreamStatus) -> Self {
        Self {
            stream: stream.stream,
            state: stream.state,
            last_received_at: stream.last_received_at,
            last_record_at: stream.last_record_at,
            silent_since: stream.silent_since,
            records_last_hour: stream.records_last_hour,
            records_last_day: stream.records_last_day,
            duplicates_last_day: stream.duplicates_last_day,
            rejects_last_day: stream.rejects_last_day,
            batches_last_day: stream.batches_last_day,
            expected_per_hour: stream.expected_per_hour,
        }
    }
}

impl From<pb::Reject> for RejectView {
    fn from(reject: pb::Reject) -> Self {
        let (raw, raw_base64) = match String::from_utf8(reject.raw) {
            Ok(text) => (Some(text), None),
            Err(bytes) => (None, Some(BASE64_STANDARD.encode(bytes.as_bytes()))),
        };
        Self {
            id: reject.id,
            kind: reject.kind,
            reason: reject.reason,
            raw,
            raw_base64,
            batch: reject.batch,
            seen: reject.seen,
            received_at: reject.received_at,
            replayed_at: reject.replayed_at,
        }
    }
}

impl Example for IngestStatusView {
    fn example() -> Value {
        let stream = |name: &str| {
            json!({
                "stream": name, "state": "flowing", "last_received_at": TIME, "last_record_at": TIME,
                "silent_since": null, "records_last_hour": 41000, "records_last_day": 980000,
                "duplicates_last_day": 12, "rejects_last_day": 0, "batches_last_day": 1440,
                "expected_per_hour": 40100.0,
            })
        };
        json!({
            "streams": [stream("usage"), stream("events")], "batches_waiting": 0, "lag_seconds": 0.0,
            "rejects_open": 1,
            "api_readings": {
                "due": 0, "read_last_day": 400, "failed_last_day": 0, "last_read_at": TIME, "last_error": null,
                "available": true,
            },
            "days_that_differ": 3, "sims_unknown": 0,
        })
    }
}

impl Example for RejectView {
    fn example() -> Value {
        json!({
            "id": "17", "kind": "usage", "reason": "volume.tx: a volume is a decimal number of MB",
            "raw": "{\"id\":1,\"volume\":{\"tx\":\"much\"}}", "raw_base64": null, "batch": "4711", "seen": 1,
            "received_at": TIME, "replayed_at": null,
        })
    }
}

impl Example for ReplayedView {
    fn example() -> Value {
        json!({ "accepted": 1, "rejected": 0 })
    }
}
