//! The gateway with real PostgreSQL, NATS and Redis, and a sim-service that answers from memory.
//!
//! TEST_DATABASE_URL (an owner's login), TEST_NATS_URL and TEST_REDIS_URL say where the servers are.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod auth;
mod cache;
mod envelope;
mod fake_sims;
mod fake_usage;
mod harness;
mod health;
mod identity_admin;
mod identity_keys;
mod identity_log;
mod identity_organizations;
mod identity_sessions;
mod identity_throttle;
mod identity_tokens;
mod identity_users;
mod people;
mod sims;
mod usage;
