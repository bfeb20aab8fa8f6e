#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod account_failure;
mod breaker;
mod budget;
mod capability;
mod client;
mod config;
mod connection;
mod error;
mod http;
mod known;
mod lane;
mod metrics;
pub mod model;
mod readiness;
mod redis_link;
mod retry;
pub mod settings;
mod token;
mod wire;

pub use account_failure::AccountFailure;
pub use breaker::BreakerState;
pub use budget::{Budget, BudgetSnapshot};
pub use capability::{Capabilities, Capability, Certainty, Generation, Generations, Offer};
pub use client::OnceClient;
pub use config::ClientConfig;
pub use error::{ClientError, LoginFailure, RequestId, Teller};
pub use lane::Lane;
pub use model::{RejectedRecord, SimPage, SimUpdate};
pub use readiness::{CapabilityReadiness, GenerationReadiness, Learnt, Readiness, Standing};
pub use token::{LastLogin, LoginInfo};
#[cfg(fuzzing)]
pub use wire::foreign::decode_everything;
