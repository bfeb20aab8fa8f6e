use std::fmt;

use chrono::{DateTime, Utc};
use domain::{Iccid, Msisdn};
use serde::{Deserialize, Serialize};

use super::{Extra, RejectedRecord};

/// 1NCE's id of an SMS: text, because it may exceed 2^53 (FACTS §11).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SmsId(pub String);

impl fmt::Display for SmsId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where an SMS stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SmsState {
    /// Id 2.
    Pending,
    /// Id 3.
    Buffered,
    /// Id 4.
    Delivered,
    /// Id 5.
    Failed,
    /// Id 6.
    Expired,
    /// An undocumented id or word.
    Unknown(String),
}

/// Which way an SMS goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SmsDirection {
    /// To the device (id 1).
    Mt,
    /// From the device (id 2).
    Mo,
    /// An undocumented id or word.
    Unknown(String),
}

/// What kind of number the source address is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressType {
    /// 145.
    International,
    /// 161.
    National,
    /// 208.
    Alphanumeric,
}

impl AddressType {
    /// 1NCE's id.
    pub fn id(self) -> u16 {
        match self {
            Self::International => 145,
            Self::National => 161,
            Self::Alphanumeric => 208,
        }
    }
}

/// How the payload is coded (`dcs`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DataCoding {
    /// 0: text of the GSM alphabet.
    #[default]
    Gsm7,
    /// 4: bytes, written as hex.
    Binary,
    /// 8: UCS-2 text.
    Ucs2,
}

impl DataCoding {
    /// The `dcs` number.
    pub fn dcs(self) -> u8 {
        match self {
            Self::Gsm7 => 0,
            Self::Binary => 4,
            Self::Ucs2 => 8,
        }
    }
}

/// An SMS to a device; a long text is split by the caller, one call per part (FACTS §11).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SmsSubmit {
    /// Text, or hex for [`DataCoding::Binary`].
    pub payload: String,
    /// The sender that the device sees.
    pub source_address: Option<String>,
    /// What kind of number that is.
    pub source_address_type: Option<AddressType>,
    /// How the payload is coded.
    pub coding: DataCoding,
    /// User data header in hex, for parts of a long SMS.
    pub udh: Option<String>,
    /// Until when delivery is tried; 24 h when left out.
    pub expires_at: Option<DateTime<Utc>>,
}

/// An accepted SMS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SmsReceipt {
    /// Its id; `None` when 1NCE accepted it without telling one.
    pub id: Option<SmsId>,
}

/// An SMS as 1NCE lists it; kept there for 7 days.
#[derive(Debug, Clone, PartialEq)]
pub struct Sms {
    /// 1NCE's id.
    pub id: SmsId,
    /// Where it stands.
    pub state: SmsState,
    /// Which way it goes.
    pub direction: SmsDirection,
    /// The card.
    pub iccid: Option<Iccid>,
    /// The card's number.
    pub msisdn: Option<Msisdn>,
    /// The sender's address.
    pub source_address: Option<String>,
    /// Text or hex.
    pub payload: Option<String>,
    /// Coding number.
    pub dcs: Option<i64>,
    /// User data header.
    pub udh: Option<String>,
    /// When it was accepted.
    pub submitted_at: Option<DateTime<Utc>>,
    /// When it was delivered.
    pub delivered_at: Option<DateTime<Utc>>,
    /// When its state became final.
    pub final_at: Option<DateTime<Utc>>,
    /// Until when delivery is tried.
    pub expires_at: Option<DateTime<Utc>>,
    /// Deliveries tried again.
    pub retry_count: Option<i64>,
    /// The rest.
    pub extra: Extra,
}

/// A page of SMS.
#[derive(Debug, Clone, PartialEq)]
pub struct SmsPage {
    /// The messages in 1NCE's order.
    pub messages: Vec<Sms>,
    /// Records that are no SMS.
    pub rejects: Vec<RejectedRecord>,
    /// Messages in all, when 1NCE tells; v2 does not.
    pub total: Option<u64>,
    /// Whether this page is shorter than the size asked for.
    pub is_last: bool,
}
