use chrono::{DateTime, Utc};
use domain::{Iccid, Imei, Imsi};

use super::Extra;

/// How a SIM is connected. `Attached` and `Online` may be stale by days (FACTS §6).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Connectivity {
    /// Never attached, or reported inactive.
    Offline,
    /// Attached once, and nobody said otherwise yet.
    Attached,
    /// An open data session.
    Online,
    /// The endpoint is blocked (v2).
    Blocked,
    /// An undocumented word.
    Unknown(String),
}

impl Connectivity {
    /// Reads 1NCE's word, whatever its case.
    pub fn from_word(word: &str) -> Self {
        match word.trim().to_ascii_uppercase().as_str() {
            "OFFLINE" => Self::Offline,
            "ATTACHED" => Self::Attached,
            "ONLINE" => Self::Online,
            "BLOCKED" => Self::Blocked,
            _ => Self::Unknown(word.to_owned()),
        }
    }

    /// 1NCE's word.
    pub fn word(&self) -> &str {
        match self {
            Self::Offline => "OFFLINE",
            Self::Attached => "ATTACHED",
            Self::Online => "ONLINE",
            Self::Blocked => "BLOCKED",
            Self::Unknown(word) => word,
        }
    }
}

/// Connectivity of a SIM with where and how.
#[derive(Debug, Clone, PartialEq)]
pub struct SimConnectivity {
    /// How it is connected.
    pub status: Connectivity,
    /// Whether a monthly data limit is reached (v2).
    pub data_limit_reached: Option<bool>,
    /// Where it was seen last.
    pub location: Option<Location>,
    /// Open data sessions; v1 shows at most one.
    pub pdp_contexts: Vec<PdpContext>,
    /// Such as `GPRS`.
    pub services: Vec<String>,
    /// The rest.
    pub extra: Extra,
}

/// A country as 1NCE writes it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Country {
    /// 1NCE's id.
    pub id: Option<String>,
    /// In English.
    pub name: Option<String>,
    /// Two letters, as 1NCE writes them (lower case).
    pub iso_code: Option<String>,
    /// Dialling code.
    pub country_code: Option<String>,
    /// Mobile country code.
    pub mcc: Option<String>,
    /// The rest, such as coordinates of the country.
    pub extra: Extra,
}

/// A network operator.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Operator {
    /// 1NCE's id.
    pub id: Option<String>,
    /// Its name.
    pub name: Option<String>,
    /// Mobile network code (v2).
    pub mnc: Option<String>,
    /// Where it operates.
    pub country: Option<Country>,
    /// The rest.
    pub extra: Extra,
}

/// Where a SIM was seen last.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Location {
    /// The card that 1NCE means.
    pub iccid: Option<Iccid>,
    /// Its subscriber number.
    pub imsi: Option<Imsi>,
    /// When it was seen.
    pub last_updated: Option<DateTime<Utc>>,
    /// When it was seen by the packet network (v1).
    pub last_updated_gprs: Option<DateTime<Utc>>,
    /// By which operator.
    pub operator: Option<Operator>,
    /// In which country.
    pub country: Option<Country>,
    /// Addresses of network nodes and the rest.
    pub extra: Extra,
}

/// Radio technology of a session.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RatType {
    /// 1NCE's id (FACTS §6).
    pub id: Option<i64>,
    /// Such as `4G` or `NB-IoT`.
    pub description: Option<String>,
}

/// An open data session.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PdpContext {
    /// 1NCE's id.
    pub id: Option<String>,
    /// When it was opened.
    pub created: Option<DateTime<Utc>>,
    /// Access point (v2).
    pub apn: Option<String>,
    /// The device's address.
    pub ue_ip_address: Option<String>,
    /// The device.
    pub imeisv: Option<Imei>,
    /// Radio technology.
    pub rat: RatType,
    /// Mobile country code.
    pub mcc: Option<String>,
    /// Mobile network code.
    pub mnc: Option<String>,
    /// Location area.
    pub lac: Option<String>,
    /// Cell.
    pub ci: Option<String>,
    /// 1NCE's breakout region (v2).
    pub region: Option<String>,
    /// The rest.
    pub extra: Extra,
}

/// A radio cell.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cell {
    /// Cell id.
    pub cid: Option<i64>,
    /// Location area.
    pub lac: Option<i64>,
    /// Mobile country code.
    pub mcc: Option<String>,
    /// Mobile network code.
    pub mnc: Option<String>,
}

/// What the visited network says when asked; valid on 2G and 3G only (FACTS §6).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ConnectivityInfo {
    /// When 1NCE asked.
    pub requested_at: Option<DateTime<Utc>>,
    /// When the network answered.
    pub replied_at: Option<DateTime<Utc>>,
    /// Whether the subscriber was found.
    pub subscriber_found: Option<bool>,
    /// The network's word for its state.
    pub state: Option<String>,
    /// Whether the network found out where the subscriber is now.
    pub location_retrieved: Option<bool>,
    /// Minutes since the location was fresh.
    pub location_age_minutes: Option<i64>,
    /// The cell that it is in.
    pub cell: Option<Cell>,
    /// Whether the USSD query worked, if one was asked for.
    pub ussd_success: Option<bool>,
    /// Its error.
    pub ussd_error: Option<String>,
    /// The rest.
    pub extra: Extra,
}
