//! Queries on the schema `gateway`. Entities stay in here.

pub mod api_keys;
pub mod audit;
mod entity;
pub mod organizations;
pub mod sessions;
pub mod users;
