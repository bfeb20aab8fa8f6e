//! Queries on the schema `gateway`. Entities stay in here.

pub mod audit;
mod entity;
pub mod idempotency;
pub mod identity;
