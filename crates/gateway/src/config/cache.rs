use std::time::Duration;

use super::part;

part! {
    /// SIMs that are kept, here and in Redis.
    pub struct CacheConfig {
        /// SIMs in memory, bytes.
        pub cache_bytes: u64,
        /// How long a SIM stays in memory, milliseconds.
        pub cache_ttl_ms: u64,
        /// How long a SIM stays in Redis, milliseconds.
        pub redis_cache_ttl_ms: u64,
        /// Longest wait for Redis, milliseconds.
        pub redis_cache_timeout_ms: u64,
        /// Longest wait of a change until every other replica has forgotten what was before, milliseconds.
        pub replica_ack_ms: u64,
    }
}

impl CacheConfig {
    pub(crate) fn replica_ack(&self) -> Duration {
        Duration::from_millis(self.replica_ack_ms)
    }
}
