//! What comes in over NATS: requests and ticks.

pub mod convert;
pub mod inventory;
pub mod rpc;
pub mod ticks;
