//! The gateway with real PostgreSQL, NATS and Redis, and a sim-service that answers from memory.
//!
//! TEST_DATABASE_URL (an owner's login), TEST_NATS_URL and TEST_REDIS_URL say where the servers are.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod abuse;
mod audit;
mod auth;
mod bulk;
mod cache;
mod document;
mod document_snapshot;
mod envelope;
mod etag;
mod export;
mod fake_fleet;
mod fake_jobs;
mod fake_sims;
mod fake_usage;
mod fleet;
mod harness;
mod health;
mod idempotency;
mod identity;
mod import;
mod ingest;
mod jobs;
mod limits;
mod live;
mod live_client;
mod live_ends;
mod live_outage;
mod outer;
mod people;
mod promised;
mod provider;
mod replicas;
mod routes;
mod sim_events;
mod sims;
mod sync;
mod usage;
