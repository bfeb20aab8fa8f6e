//! Days on which stream and API differ.
