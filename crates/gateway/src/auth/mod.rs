//! Who asks: API keys, their permissions, and the count of their use.

mod counts;
mod key_text;
mod permission;
mod usage;
mod verifier;

pub(crate) use counts::AuthCounts;
pub(crate) use key_text::{KeyHasher, KeyText};
pub use permission::Permission;
pub(crate) use permission::Permissions;
pub(crate) use usage::{KeyUsage, UsageBook, UsageRow};
pub(crate) use verifier::{KeyRefusal, KeyVerifier, Principal};
