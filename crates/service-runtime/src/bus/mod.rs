//! NATS: the connection, the streams, request/reply and the consumer loop.

mod batch_consumer;
mod connection;
mod consumer;
mod publication;
mod rpc_answer;
mod rpc_client;
mod rpc_context;
mod rpc_handler;
mod rpc_server;
mod streams;
mod tick;
mod turns;

pub use batch_consumer::{BatchLimits, consume_batches};
pub(crate) use connection::within;
pub use connection::{Bus, BusError, INBOX_PREFIX, connect_client};
pub use consumer::{ConsumerSpec, Outcome, consume};
pub use publication::Publication;
pub use rpc_client::RpcError;
pub use rpc_context::RpcContext;
pub use rpc_handler::{Plain, RpcHandler, WithContext};
pub use rpc_server::RpcServer;
pub use tick::{DueWork, Tick, publish_ticks};
