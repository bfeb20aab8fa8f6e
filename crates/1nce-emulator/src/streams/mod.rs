//! The Data Streamer: usage and event records pushed to a URL (FACTS §15).

pub mod json;
pub mod records;
pub mod types;
