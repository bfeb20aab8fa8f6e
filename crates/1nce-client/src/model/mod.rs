//! What 1NCE tells and what can be asked of it, one model for both generations of the API.
//!
//! Missing values are `None`; words and ids that this version does not know are kept, in `Unknown` variants or in
//! `extra` (DESIGN §2.10). Volumes are bytes, times are UTC.

mod connectivity;
mod events;
mod orders;
mod quota;
mod sims;
mod sms;
mod usage;

use std::fmt;

use crate::error::ClientError;

pub use connectivity::{
    Cell, Connectivity, ConnectivityInfo, Country, Location, Operator, PdpContext, RatType, SimConnectivity,
};
pub use events::{EventKind, EventPage, SimEvent};
pub use orders::{
    AccountLimits, Charge, Communication, DeliveryAddress, Limit, LimitStep, LimitSteps, LimitUpdate,
    NewOrder, NewSupportCase, Order, OrderLine, OrderPage, OrderReceipt, PaymentMethod, Product, ProductList,
    Service, SupportCase, SupportPage,
};
pub use quota::{DataQuota, Quota, QuotaState, SmsQuota};
pub use sims::{BulkOutcome, SimPage, SimQuery, SimUpdate, Transfer};
pub use sms::{AddressType, DataCoding, Sms, SmsDirection, SmsId, SmsPage, SmsReceipt, SmsState, SmsSubmit};
pub use usage::{DataUsage, SmsUsage, Usage, UsageDay};

/// A record of a list that could not be read: its bytes and why. It costs only itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectedRecord {
    /// The record's JSON text as it came.
    pub raw: String,
    /// What is wrong with it.
    pub reason: String,
}

/// Keys to sort by in 1NCE's own spelling, `-` before one that descends: `-timestamp,id`. FACTS §4 names the keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sort(String);

impl Sort {
    /// Takes lower-case names with `_`, separated by commas; [`ClientError::Invalid`] for anything else.
    pub fn parse(text: &str) -> Result<Self, ClientError> {
        let is_key = |key: &str| {
            let name = key.strip_prefix('-').unwrap_or(key);
            !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
        };
        if text.split(',').all(is_key) {
            Ok(Self(text.to_owned()))
        } else {
            Err(ClientError::Invalid(
                "sort keys are names, separated by commas".into(),
            ))
        }
    }
}

impl fmt::Display for Sort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Fields that this version does not know, or whose value it could not read.
pub type Extra = serde_json::Map<String, serde_json::Value>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sort_keys_are_names_and_nothing_else() {
        assert_eq!(Sort::parse("-timestamp,id").unwrap().to_string(), "-timestamp,id");
        for bad in ["", ",", "id,", "--id", "-", "id&q=1", "ID", "id desc"] {
            assert!(Sort::parse(bad).is_err(), "{bad}");
        }
    }
}
