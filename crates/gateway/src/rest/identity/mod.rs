//! Who may ask: people and their sessions, keys and organizations.

mod fields;
pub mod keys;
pub mod organizations;
pub mod sessions;
pub mod users;

use super::frame::Operation;

pub fn operations() -> Vec<Operation> {
    let resources = [
        keys::operations(),
        organizations::operations(),
        sessions::operations(),
        users::operations(),
    ];
    resources.into_iter().flatten().collect()
}

/// The ids of the examples.
const USER: &str = "019cf7a0-0000-7000-8000-000000000003";
const ORGANIZATION: &str = "00000000-0000-0000-0000-000000000001";
