//! The client against the emulator and a real Redis (`TEST_REDIS_URL`).
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod actions;
mod breaker;
mod budget;
mod canned;
mod endings;
mod generations;
mod metrics;
mod on_the_wire;
mod orders;
mod redis_gone;
mod strange_answers;
mod support;
mod token;
mod traps;
mod updates;
mod verdicts;
