//! Bodies of the control API, shared by the server and [`super::client::ControlClient`].

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::fleet::seeded::Connectivity;

/// Which customer a control call means; the first one if left out.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct ForCustomer {
    /// Client id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer: Option<String>,
}

/// `POST /_emulator/time`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Advance {
    /// Seconds to move the domain clock; negative moves it back.
    pub advance_seconds: i64,
}

/// The domain clock.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Time {
    /// Emulated moment, RFC 3339.
    pub now: String,
    /// Distance to real time.
    pub offset_seconds: i64,
}

/// `POST /_emulator/sims`: new SIMs appear in the fleet.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AddSims {
    /// How many.
    pub count: u32,
    /// Place in the list, 0 = front; the end if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<usize>,
}

/// ICCIDs of added SIMs.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Added {
    /// 19 digits each.
    pub iccids: Vec<String>,
}

/// `PATCH /_emulator/sims/{iccid}`: a change made in the portal or by the network.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SimPatch {
    /// Empty text clears it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Enabled or disabled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// Lock to the device.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub imei_lock: Option<bool>,
    /// 16 digits; empty text = no device.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub imei: Option<String>,
    /// MB left; negative = overdrawn.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_left_mb: Option<f64>,
    /// SMS left.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sms_left: Option<i64>,
    /// What the SIM does on the network while enabled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connectivity: Option<Connectivity>,
    /// True = expired now; false = the regular end of life again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expired: Option<bool>,
    /// SMS to the SIM fail.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sms_fails: Option<bool>,
    /// Status of every answer to a change of the SIM, alone or in a list, e.g. 409 or 500; 0 = no more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub change_status: Option<u16>,
    /// Status of every answer to a reading of the SIM alone; 0 = no more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read_status: Option<u16>,
}

/// `GET /_emulator/sims/{iccid}`: what is true, free of API quirks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SimTruth {
    /// 19 digits.
    pub iccid: String,
    /// Place in the list, 0 = front.
    pub position: usize,
    /// Client id of the customer it belongs to; the first one if it has several.
    pub customer: String,
    /// Customer text.
    pub label: Option<String>,
    /// Enabled or disabled.
    pub enabled: bool,
    /// Past its end of life.
    pub expired: bool,
    /// Lock to the device.
    pub imei_lock: bool,
    /// Device, 16 digits.
    pub imei: Option<String>,
    /// Fixed address.
    pub ip_address: String,
    /// On the network.
    pub connectivity: Connectivity,
    /// RFC 3339.
    pub activation_date: String,
    /// RFC 3339.
    pub expiry_date: String,
    /// MB left.
    pub data_left_mb: f64,
    /// MB ever granted.
    pub data_granted_mb: f64,
    /// SMS left.
    pub sms_left: i64,
    /// SMS ever granted.
    pub sms_granted: i64,
    /// 1NCE tops it up by itself.
    pub auto_topup: bool,
    /// Messages of the last seven days.
    pub messages: usize,
}

/// `POST /_emulator/sims/{iccid}/sms`: the device sends a message.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReceiveSms {
    /// Text.
    pub payload: String,
    /// The MSISDN if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_address: Option<String>,
}

/// `POST /_emulator/sims/{iccid}/events`: an event that nothing else here causes.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewEvent {
    /// Event type id, e.g. 11; 3 is a refused session.
    pub event_type: u32,
    /// Text; the name of the type if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// The number of something just made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Id {
    /// Its number.
    pub id: i64,
}

/// An order as the emulator knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderTruth {
    /// Order number.
    pub number: u64,
    /// `TOPUP`, `BULK_TOPUP`, …
    pub kind: String,
    /// `IN_PREPARATION`, `COMPLETED` or what a test set.
    pub status: String,
    /// ICCIDs it is for.
    pub iccids: Vec<String>,
}

/// `PATCH /_emulator/orders/{number}`: `COMPLETED` pays it now, any other word stops it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrderPatch {
    /// New status.
    pub status: String,
}

/// Numbers of one customer; the same for all its API users.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomerStats {
    /// Live SIMs.
    pub fleet: usize,
    /// SIMs that differ from the seed.
    pub changed_sims: usize,
    /// Orders ever placed.
    pub orders: usize,
    /// Changes accepted and not yet carried out.
    pub queued: usize,
    /// Queued changes carried out.
    pub carried_out: u64,
    /// `/sims*` calls over the limit.
    pub violations: u64,
    /// The most `/sims*` calls, refused and spoiled ones included, that arrived within one second.
    pub max_in_any_second: usize,
    /// The most admitted `/sims*` calls within one second.
    pub max_admitted_in_any_second: usize,
}

/// `GET /_emulator/stats`; call counters since the last reset.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stats {
    /// All calls.
    pub calls: u64,
    /// By route.
    pub calls_by_endpoint: BTreeMap<String, u64>,
    /// By answered status; `cut` for none.
    pub calls_by_status: BTreeMap<String, u64>,
    /// Calls over any rate limit, of all customers and addresses.
    pub violations: u64,
    /// Calls answered with 429, injected ones included.
    pub throttled: u64,
    /// The largest `max_in_any_second` of all customers.
    pub max_in_any_second: usize,
    /// Different tokens ever issued.
    pub tokens_issued: u64,
    /// Live SIMs of all customers.
    pub fleet: usize,
    /// By client id.
    pub customers: BTreeMap<String, CustomerStats>,
}

/// A refused control call.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Refusal {
    /// Why.
    pub error: String,
}
