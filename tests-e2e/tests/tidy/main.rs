//! The structure is what ARCHITECTURE.md says: which crate knows which, which layer knows which, and no circles.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod circles;
mod crates;
mod graph;
mod layers;
mod scan;
mod style;
