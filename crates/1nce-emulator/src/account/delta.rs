//! What differs from the seed: stored only for SIMs that were changed.

use std::collections::BTreeMap;

use crate::clock::Millis;
use crate::fleet::seeded::Connectivity;

/// Everything changed on one SIM since the start.
#[derive(Debug, Clone, Default)]
pub struct Delta {
    /// `Some(None)` = the label was cleared.
    pub label: Option<Option<String>>,
    pub imei_lock: Option<bool>,
    pub enabled: Option<bool>,
    /// `Some(None)` = no device any more.
    pub imei: Option<Option<String>>,
    pub ip_address: Option<String>,
    pub connectivity: Option<Connectivity>,
    pub expiry: Option<Millis>,
    pub data: Option<QuotaBase>,
    pub sms: Option<QuotaBase>,
    pub messages: Vec<Message>,
    /// Billed SMS to the device per day: when each was delivered.
    pub mt_by_day: BTreeMap<i64, Vec<Millis>>,
    /// SMS from the device per day, besides the seeded ones: when each was sent.
    pub mo_by_day: BTreeMap<i64, Vec<Millis>>,
    pub events: Vec<StoredEvent>,
    /// Days (first, last) without seeded use because the SIM was disabled; no last = still so.
    pub pauses: Vec<(i64, Option<i64>)>,
    /// SMS to this SIM fail instead of being delivered.
    pub sms_fails: bool,
    /// What the API showed before the changes of the last seconds, by when each happened.
    pub before: Vec<(Millis, Shown)>,
    /// Status of every answer to a change of this SIM.
    pub change_status: Option<u16>,
    /// Status of every answer to a reading of this SIM.
    pub read_status: Option<u16>,
}

/// What a `PUT` changes.
#[derive(Debug, Clone)]
pub struct Shown {
    pub label: Option<String>,
    pub imei_lock: bool,
    pub enabled: bool,
}

/// A quota at the moment it last changed other than by seeded use; volumes in millionths of a MB or SMS.
#[derive(Debug, Clone)]
pub struct QuotaBase {
    pub left: i64,
    /// Seeded use after this day reduces `left`.
    pub day: i64,
    /// First grant, or what was left at the last top-up plus that top-up (v2 `total_volume`).
    pub total: i64,
    /// Everything ever granted.
    pub granted: i64,
    pub last_added: i64,
    pub changed_at: Millis,
    pub threshold_at: Option<Millis>,
    pub exceeded_at: Option<Millis>,
}

/// Which of the two quotas of a SIM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    Data,
    Sms,
}

impl Service {
    /// Both.
    pub const ALL: [Service; 2] = [Service::Data, Service::Sms];

    /// Event types and texts of "a fifth left" and "used up" (FACTS §15.3).
    pub fn threshold_events(self) -> [(u32, &'static str); 2] {
        match self {
            Service::Data => [
                (18, "Data quota threshold of 20% reached."),
                (19, "Data quota used up."),
            ],
            Service::Sms => [
                (20, "SMS quota threshold of 20% reached."),
                (21, "SMS quota used up."),
            ],
        }
    }
}

/// The fate of an SMS; the numbers are those of 1NCE (FACTS §11).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SmsState {
    Pending,
    Delivered,
    Failed,
    Expired,
}

/// A short message to (MT) or from (MO) a device.
#[derive(Debug, Clone)]
pub struct Message {
    pub id: i64,
    pub mo: bool,
    pub submitted: Millis,
    pub expires: Millis,
    /// When it reaches the device or fails for good; none while the SIM is not attached.
    pub final_at: Option<Millis>,
    pub fails: bool,
    pub payload: String,
    pub udh: Option<String>,
    pub dcs: i64,
    pub source_address: String,
    pub source_type: Option<i64>,
}

impl Message {
    /// Where the message is at `now`.
    pub fn state(&self, now: Millis) -> SmsState {
        match self.final_at {
            Some(at) if at <= now && self.fails => SmsState::Failed,
            Some(at) if at <= now => SmsState::Delivered,
            _ if self.expires <= now => SmsState::Expired,
            _ => SmsState::Pending,
        }
    }
}

/// An event that something caused, as opposed to the seeded traffic events.
#[derive(Debug, Clone)]
pub struct StoredEvent {
    pub id: i64,
    pub at: Millis,
    /// Event type id (FACTS §15.3).
    pub kind: u32,
    pub text: String,
    /// The quota as it was, for 18 to 21.
    pub quota: Option<EventQuota>,
}

/// Numbers of a quota event, in millionths.
#[derive(Debug, Clone, Copy)]
pub struct EventQuota {
    pub service: Service,
    pub left: i64,
    pub total: i64,
    pub expires: Millis,
    pub last_added: i64,
}
