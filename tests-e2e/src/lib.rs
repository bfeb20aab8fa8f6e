//! The sandbox of the journeys: an emulated 1NCE, servers and any number of Simward processes.
#![forbid(unsafe_code)]

mod books;
mod caller;
mod sandbox;
mod usage_books;

pub use books::{Books, Event, read_events};
pub use caller::{Caller, Reply};
pub use sandbox::Sandbox;
pub use usage_books::UsageBooks;
