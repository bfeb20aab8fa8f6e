//! What stands below transport and use cases: stored types as they travel.

pub mod sims;
