//! What of the services' messages both the use cases and the REST API need.

pub mod sim;
pub(crate) mod word;
