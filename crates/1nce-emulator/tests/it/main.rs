//! What the emulator promises, checked over HTTP as a stranger would.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod auth;
mod changes;
mod clock;
mod contract;
mod control;
mod faults;
mod lab;
mod process;
mod quota;
mod rate;
mod receiver;
mod shop;
mod sims;
mod sms;
mod status;
mod stream_faults;
mod streams;
mod thresholds;
mod versions;
