//! usage-ingestor alone, over real servers and the 1NCE emulator.
#![allow(clippy::expect_used, clippy::unwrap_used)]

mod endings;
mod events;
mod export;
mod fake_sims;
mod harness;
mod inventory;
mod moved_sums;
mod presence;
mod readings;
mod receive;
mod records;
mod rejects;
mod rows;
mod shadow;
mod silence;
mod sim_usage;
mod sim_words;
mod start;
mod status;
mod summary;
mod told_api;
mod unread;
