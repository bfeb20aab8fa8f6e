//! The Data Streamer: usage and event records pushed to a URL (FACTS §15).

pub mod records;
