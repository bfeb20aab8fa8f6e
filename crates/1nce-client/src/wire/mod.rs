//! How 1NCE writes things down, and how we read it. Nothing here leaves the crate.

mod connectivity;
mod error;
mod events;
mod fields;
#[cfg(any(test, fuzzing))]
pub mod foreign;
mod list;
mod orders;
mod quota;
mod sim;
mod sms;
mod usage;

pub(crate) use connectivity::{read_connectivity, read_connectivity_info};
pub(crate) use error::{error_body, teller};
pub(crate) use events::read_event_page;
pub(crate) use fields::Fields;
pub(crate) use list::{array, empty_or_json, read_list};
pub(crate) use orders::{read_limit_steps, read_limits, read_order, read_product, read_support_case};
pub(crate) use quota::{read_data_quota, read_sms_quota};
pub(crate) use sim::read_sim;
pub(crate) use sms::read_sms;
pub(crate) use usage::read_usage;

/// Why a record cannot be read at all. Anything less than this is kept in `extra` instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Unreadable(pub String);

impl Unreadable {
    pub(crate) fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }
}
