//! service-runtime on real servers.
#![allow(clippy::unwrap_used)]

mod batches;
mod calls;
mod events;
mod migrations;
mod outage;
