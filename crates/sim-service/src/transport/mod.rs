//! What comes in over NATS: requests and ticks.

pub mod change;
pub mod convert;
pub mod inventory;
pub mod jobs;
pub mod rpc;
pub mod ticks;
