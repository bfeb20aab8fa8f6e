//! The tables of people, sessions, keys and organizations.

pub mod keys;
pub mod organizations;
pub mod sessions;
pub mod users;
