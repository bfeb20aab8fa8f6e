//! What the gateway asks.
