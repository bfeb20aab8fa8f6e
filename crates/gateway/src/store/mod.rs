//! Queries on the schema `gateway`. Entities stay in here.

pub mod api_keys;
pub mod audit;
pub mod audit_chain;
pub mod audit_query;
mod entity;
pub mod idempotency;
pub mod organizations;
pub mod sessions;
pub mod users;
