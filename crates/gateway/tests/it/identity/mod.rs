//! People and their sessions, keys and organizations.

mod admin;
mod keys;
mod log;
mod organizations;
mod sessions;
mod throttle;
mod tokens;
mod users;
