//! What comes in over NATS: requests and ticks.

pub mod inventory;
pub mod jobs;
pub mod rpc;
pub mod ticks;
