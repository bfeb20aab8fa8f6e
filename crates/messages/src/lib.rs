//! What travels on NATS: generated protobuf types, subjects, streams, event envelopes and the closed list of RPC errors.
//!
//! No connection is made here. The schemas are public: `proto-schemas/` at the top of the repository.
#![forbid(unsafe_code)]

mod asyncapi;
mod envelope;
mod events;
mod rpc;
mod scope;
mod streams;
mod subjects;
mod timestamp;

/// Types generated from `proto-schemas/simward`.
#[allow(missing_docs, clippy::all)]
pub mod pb {
    include!(concat!(env!("OUT_DIR"), "/packages.rs"));

    pub use simward::common::v1 as common;
    pub use simward::sim::v1 as sim;
    pub use simward::usage::v1 as usage;
}

pub use asyncapi::asyncapi;
pub use domain::ErrorCode;
pub use envelope::{EventEnvelope, header};
pub use events::{DecodedEvent, EventDecodeError, EventType, decode_event};
pub use pb::sim::rpc as sim_rpc;
pub use pb::usage::rpc as usage_rpc;
pub use rpc::{RpcMethod, RpcService};
pub use streams::{DLQ, EVENTS, INGEST, JOBS, Retention, STREAMS, StreamSpec};
pub use subjects::Subjects;
pub use timestamp::Timestamp;
