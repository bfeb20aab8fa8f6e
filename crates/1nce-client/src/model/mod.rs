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
pub use sims::{BulkOutcome, SimPage, SimUpdate, Transfer};
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

/// Fields that this version does not know, or whose value it could not read.
pub type Extra = serde_json::Map<String, serde_json::Value>;
