//! What every service needs and none wants to write twice: configuration, telemetry, health, NATS, database, Redis,
//! outbox, leases and an orderly end. It knows no rule about SIM cards.
//!
//! Nothing is global but the log subscriber that `telemetry::init` installs in `main`: several services, and several
//! tests, live in one process.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod admin_http;
pub mod boot;
pub mod bus;
pub mod config;
pub mod db;
pub mod health;
mod hints;
pub mod ignored;
pub mod lease;
pub mod metrics;
pub mod outbox;
pub mod redis;
mod runtime;
pub mod shutdown;
pub mod telemetry;
pub mod wire;

pub use boot::Service;
pub use runtime::{Runtime, RuntimeError, Shared};
