//! Days that differ.
