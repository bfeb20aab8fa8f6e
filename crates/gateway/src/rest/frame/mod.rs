//! What every operation stands on. It knows no resource.
//!
//! An operation is a function whose arguments are [`Extract`]s and whose answer is a [`Reply`]. Its types say what it
//! needs and what it answers, so reading a request, refusing it and documenting it can't part.

pub mod answer;
pub mod authenticate;
pub mod body;
pub mod call;
pub mod check;
pub mod envelope;
pub mod example;
pub mod faults;
pub mod fields;
pub mod idempotency;
pub mod once;
pub mod operation;
pub mod page;
pub mod path;
pub mod public_call;
pub mod query;
pub mod rate;
pub mod reading;
pub mod request_id;
pub mod revalidate;
pub mod routes;
pub mod said;
pub mod schema;
pub mod state;
pub mod trace;
pub mod view;

pub use answer::{Accepted, Answer, Created, Listed, MaxAge, Page, Reply, Serialized};
pub use body::{Body, NoBody, OptionalBody, Upload};
pub use call::Call;
pub use check::{Check, CheckedBody};
pub use example::Example;
pub(crate) use fields::fields;
pub use once::Once;
pub use operation::Operation;
pub(crate) use operation::operations;
pub use path::InPath;
pub use public_call::PublicCall;
pub use query::{AnyQuery, Query};
pub(crate) use view::view;
