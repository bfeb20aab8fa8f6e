//! Numbers of the streams.
