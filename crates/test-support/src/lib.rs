//! What tests of several crates need: servers of their own or a share of common ones, processes to kill, conditions to
//! wait for. A development dependency only.
#![forbid(unsafe_code)]

mod boot;
mod fake_service;
mod process;
mod scope;
mod stack;
mod wait;

pub use boot::boot;
pub use fake_service::{FakeService, Memory, SharedMemory};
pub use process::{
    CLOCK, DATASTREAMER, Simward, SimwardOptions, simward_command, simward_program, simward_variables,
};
pub use scope::Scope;
pub use stack::Stack;
pub use wait::{eventually, eventually_within};
