//! An emulator of the 1NCE Management API, v1 and v2, for tests and demonstrations.
//!
//! It is written from the published OpenAPI files and the collected facts only, and shares no type with any client,
//! so that a mistake in a client cannot hide behind the same mistake here.

mod account;
mod api;
mod clock;
mod config;
mod control;
mod dates;
mod error;
mod faults;
mod fleet;
mod journal;
mod limiter;
mod luhn;
mod pattern;
mod server;
mod streams;
mod tokens;
mod world;

pub use config::{
    Customer, DateTrap, EmulatorConfig, Ended, Extra, Generation, Manner, Mode, PaymentDelays,
    PaymentOutcome, PaymentOutcomes, Settings, UNEVEN, UsageShape, V2Paths,
};
pub use control::client::ControlClient;
pub use control::types::{CustomerStats, OrderTruth, SimPatch, SimTruth, Stats, Time};
pub use error::{ControlError, EmulatorError};
pub use faults::{Fault, FaultBody, FaultKind, StoredFault};
pub use fleet::seeded::Connectivity;
pub use journal::{CallFilter, CallRecord};
pub use server::{Emulator, MAX_FLEET};
pub use streams::types::{MAX_BATCH, StreamConfig, StreamKind, StreamState, StreamTruth, UsageTruth};
