use std::time::Duration;

use super::part;

part! {
    /// Streams of events.
    pub struct LiveConfig {
        /// Open streams of events, in all.
        pub live_streams: usize,
        /// Open streams of one caller.
        pub live_streams_per_caller: usize,
        /// Events that wait for one client at most.
        pub live_queue_events: usize,
        /// The same in bytes.
        pub live_queue_bytes: usize,
        /// How often a stream is told that it lives, milliseconds.
        pub live_heartbeat_ms: u64,
    }
}

impl LiveConfig {
    pub(crate) fn heartbeat(&self) -> Duration {
        Duration::from_millis(self.live_heartbeat_ms.max(10))
    }
}
