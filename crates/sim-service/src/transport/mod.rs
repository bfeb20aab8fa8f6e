//! What comes in over NATS: requests and ticks.

pub mod convert;
pub mod rpc;
pub mod ticks;
