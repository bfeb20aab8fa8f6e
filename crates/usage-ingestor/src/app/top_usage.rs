//! The SIMs that use most.
