//! Who asks: API keys and users, their permissions, and the count of their use.

mod counts;
mod derived;
mod identity;
mod identity_counts;
mod key_text;
mod lookup;
mod password;
mod permission;
mod principal;
mod role;
mod session_verifier;
mod throttle;
mod token;
mod usage;
mod verifier;

pub(crate) use counts::AuthCounts;
pub(crate) use derived::DerivedKey;
pub(crate) use identity::Identity;
pub(crate) use key_text::{KeyHasher, KeyText};
pub(crate) use lookup::Turns;
pub(crate) use password::{PasswordError, Passwords};
pub use permission::Permission;
pub(crate) use permission::Permissions;
pub(crate) use principal::{Caller, Principal};
pub use role::Role;
pub(crate) use session_verifier::SessionVerifier;
pub(crate) use throttle::{LoginThrottle, Throttled};
pub(crate) use token::{ACCESS_SECONDS, AccessTokens, RefreshHasher, RefreshText};
pub(crate) use usage::{KeyUsage, UsageBook};
pub(crate) use verifier::{KeyVerifier, Refusal};
