//! `simward dev` with real programs: what `make up`, `make down` and `make status` do beside the servers.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod checkout;
mod dev_down;
mod dev_up;
