//! sim-service alone, over real servers and the 1NCE emulator.
#![allow(clippy::expect_used, clippy::unwrap_used)]

mod fleet_counts;
mod freshness;
mod harness;
mod inventory;
mod jobs;
mod jobs_actions;
mod jobs_control;
mod jobs_import;
mod jobs_outage;
mod jobs_settle;
mod jobs_support;
mod list;
mod provider;
mod revisions;
mod sweep;
mod sweep_waits;
mod update;
