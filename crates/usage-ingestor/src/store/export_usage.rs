//! Daily rows by key.
