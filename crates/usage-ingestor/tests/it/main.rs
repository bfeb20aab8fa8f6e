//! usage-ingestor alone, over real servers and the 1NCE emulator.
#![allow(clippy::expect_used, clippy::unwrap_used)]

mod fake_sims;
mod harness;
mod inventory;
mod moved_sums;
mod receive;
mod records;
mod rejects;
mod sim_words;
mod start;
