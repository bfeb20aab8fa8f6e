//! What comes in: the Data Streamer over HTTP, batches, events, requests and ticks over NATS.

pub mod batches;
pub mod http;
pub mod inventory;
pub mod readings;
pub mod rejects;
pub mod rpc;
pub mod ticks;
