use std::time::Duration;

/// How a stream forgets messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retention {
    /// Kept until the limits; the oldest go first.
    Limits,
    /// Gone once a consumer has acknowledged.
    WorkQueue,
}

/// A JetStream stream as Simward declares it at start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamSpec {
    /// Name without prefix.
    pub name: &'static str,
    /// Subject filter without prefix.
    pub subjects: &'static str,
    /// When messages go.
    pub retention: Retention,
    /// The oldest message.
    pub max_age: Duration,
    /// All messages together.
    pub max_bytes: i64,
    /// How long a message id is remembered.
    pub duplicate_window: Duration,
}

const DAY: u64 = 24 * 60 * 60;

/// What downstream consumers read: 7 days or 4 GiB.
pub const EVENTS: StreamSpec = StreamSpec {
    name: "EVENTS",
    subjects: "evt.v1.>",
    retention: Retention::Limits,
    max_age: Duration::from_secs(7 * DAY),
    max_bytes: 4 << 30,
    duplicate_window: Duration::from_secs(10 * 60),
};

/// Ticks and bulk work: 7 days or 256 MiB.
pub const JOBS: StreamSpec = StreamSpec {
    name: "JOBS",
    subjects: "job.v1.>",
    retention: Retention::WorkQueue,
    max_age: Duration::from_secs(7 * DAY),
    max_bytes: 256 << 20,
    duplicate_window: Duration::from_secs(10 * 60),
};

/// Received records until they are merged: 30 days or 4 GiB. A full stream refuses new batches, and the receiver
/// tells 1NCE to send them again.
pub const INGEST: StreamSpec = StreamSpec {
    name: "INGEST",
    subjects: "ingest.v1.>",
    retention: Retention::WorkQueue,
    max_age: Duration::from_secs(30 * DAY),
    max_bytes: 4 << 30,
    duplicate_window: Duration::from_secs(10 * 60),
};

/// Messages that no delivery could handle, with the reason in a header: 30 days or 1 GiB.
pub const DLQ: StreamSpec = StreamSpec {
    name: "DLQ",
    subjects: "dlq.v1.>",
    retention: Retention::Limits,
    max_age: Duration::from_secs(30 * DAY),
    max_bytes: 1 << 30,
    duplicate_window: Duration::from_secs(10 * 60),
};

/// Every stream.
pub const STREAMS: [StreamSpec; 4] = [EVENTS, INGEST, JOBS, DLQ];
