//! What came in, as REST shows it.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use domain::{RejectKind, ShadowOutcome, StreamKind, StreamState};
use messages::Timestamp;
use messages::pb::usage as pb;
use serde_json::{Value, json};

use crate::rest::frame::example::TIME;
use crate::rest::frame::fields::words_of;
use crate::rest::frame::view::Told;
use crate::rest::frame::{Example, view};

words_of! {
    /// One of the two streams.
    StreamKind as "StreamName"
}

words_of! {
    /// Whether a stream brings what it usually does.
    StreamState as "StreamState"
}

words_of! {
    /// What a record would have been.
    RejectKind as "RejectKind"
}

words_of! {
    /// How usage read through v2 of 1NCE's API compares with v1's.
    ShadowOutcome as "ShadowOutcome"
}

fn both_streams() -> Value {
    let (usage, mut events) = (StreamView::example(), StreamView::example());
    events["stream"] = json!("events");
    json!([usage, events])
}

view! {
    /// How the Data Streamer and the readings by API stand.
    pub struct IngestStatusView from pb::IngestStatusResponse as status {
        streams: Vec<StreamView> = both_streams(),
        /// Received batches that are not merged yet.
        batches_waiting: u64,
        /// Age of the oldest of them.
        lag_seconds: f64,
        /// Records that could not be read and were not replayed.
        rejects_open: u64 = 1,
        api_readings: ApiReadingsView => status.api_readings.unwrap_or_default().into(),
        /// Closed days of the last five weeks on which stream and API differ by more than rounding explains.
        days_that_differ: u64 = 3,
        /// SIMs that sent records and that no inventory knows.
        sims_unknown: u64,
    }
}

view! {
    /// One of the two streams.
    pub struct StreamView from pb::StreamStatus as status {
        stream: Told<StreamKind> = "usage",
        state: Told<StreamState> = "flowing",
        last_received_at: Option<Timestamp> = TIME,
        /// When the newest record ended.
        last_record_at: Option<Timestamp> = TIME,
        silent_since: Option<Timestamp>,
        records_last_hour: u64 = 41000,
        records_last_day: u64 = 980_000,
        /// Records that had come before.
        duplicates_last_day: u64 = 12,
        rejects_last_day: u64,
        batches_last_day: u64 = 1440,
        /// What usually comes at this time of the day.
        expected_per_hour: f64 = 40100.0,
    }
}

view! {
    /// Daily usage that is read from 1NCE's API, a SIM a call, inside the request budget.
    pub struct ApiReadingsView from pb::ApiReadings as readings {
        /// SIMs that wait for a reading now.
        due: u64,
        read_last_day: u64 = 400,
        failed_last_day: u64,
        last_read_at: Option<Timestamp> = TIME,
        /// Of the newest failure of the last day whose SIM was not read since.
        last_error: Option<String>,
        /// 1NCE offers usage by API to the account.
        available: bool = true,
        /// Why nothing is read now: 1NCE does not offer it, or does not answer as it should.
        why: Option<String>,
        paused_since: Option<Timestamp>,
        /// The newest comparison of v2 of 1NCE's API with v1.
        shadow: Option<ShadowReadingView> = ShadowReadingView::example(),
    }
}

view! {
    /// Usage of a SIM, read through both generations of 1NCE's API once a day while both live.
    pub struct ShadowReadingView from pb::ShadowReading as shadow {
        iccid: String = "8988999000000000017",
        /// Closed days that were compared, both included.
        from_day: String = "2026-11-16",
        to_day: String = "2026-11-29",
        read_at: Option<Timestamp> = TIME,
        outcome: Told<ShadowOutcome> = "differs",
        /// What differs, or why there is nothing to compare.
        what: String = "MO and MT are swapped (2026-11-17)",
    }
}

view! {
    /// A record that could not be read.
    pub struct RejectView from pb::Reject as reject {
        id: String = "17",
        kind: Told<RejectKind> = "usage",
        reason: String = "volume.tx: a volume is a decimal number of MB",
        /// As received; null when it is no text.
        raw: Option<String> = r#"{"id":1,"volume":{"tx":"much"}}"# => str::from_utf8(&reject.raw).ok().map(str::to_owned),
        /// As received, in Base64, when it is no text.
        raw_base64: Option<String> => raw.is_none().then(|| BASE64_STANDARD.encode(&reject.raw)),
        /// The batch that brought it last; null for a reading.
        batch: Option<String> = "4711",
        /// The SIM that 1NCE's API was asked for; null for a record of a stream.
        iccid: Option<String>,
        /// How often it came.
        seen: u64 = 1,
        received_at: Option<Timestamp> = TIME,
        replayed_at: Option<Timestamp>,
    }
}

view! {
    /// What became of rejected records that were read again.
    pub struct ReplayedView from pb::ReplayRejectsResponse as replayed {
        accepted: u64 = 1,
        /// Rejected again; their reason is today's.
        rejected: u64,
    }
}
