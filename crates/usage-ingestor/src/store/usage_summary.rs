//! Reads of the fleet's usage.
