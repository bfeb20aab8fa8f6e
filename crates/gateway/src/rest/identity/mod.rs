//! Who may ask: people and their sessions, keys and organizations.

pub mod organizations;
