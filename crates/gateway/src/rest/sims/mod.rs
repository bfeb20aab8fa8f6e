//! SIMs: one, many, and files of them.

pub mod body;
mod bulk;
pub mod cells;
mod import;
mod receiver;

use super::frame::Operation;

pub fn operations() -> Vec<Operation> {
    let mut operations = bulk::operations();
    operations.extend(import::operations());
    operations
}
