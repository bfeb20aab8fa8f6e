//! HTTP in, use cases behind it.

pub mod http;
