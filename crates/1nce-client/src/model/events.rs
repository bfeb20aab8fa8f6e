use chrono::{DateTime, Utc};
use domain::Iccid;

use super::{Extra, RejectedRecord};

/// What happened: v2 has an id, v1 only a sentence (FACTS §12).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventKind {
    /// 1NCE's id, also one that is not documented.
    pub id: Option<i64>,
    /// 1NCE's words.
    pub description: String,
}

/// An event of a SIM; kept by 1NCE for 7 days.
#[derive(Debug, Clone, PartialEq)]
pub struct SimEvent {
    /// 1NCE's number (v2); v1 has none, so compare the whole event there.
    pub id: Option<i64>,
    /// When it happened.
    pub timestamp: DateTime<Utc>,
    /// What happened.
    pub kind: EventKind,
    /// The card, when the event names one.
    pub iccid: Option<Iccid>,
    /// Whether 1NCE thinks that someone should look.
    pub alert: Option<bool>,
    /// Severity in lower case; the numbers behind it changed meaning between platforms (FACTS §15.3).
    pub severity: Option<String>,
    /// Who reports it (v2).
    pub source: Option<String>,
    /// Text for people (v2).
    pub description: Option<String>,
    /// Location, session, quota or VPN: which one is told by its keys; text on old platforms.
    pub detail: Option<serde_json::Value>,
    /// The rest.
    pub extra: Extra,
}

/// A page of events.
#[derive(Debug, Clone, PartialEq)]
pub struct EventPage {
    /// The events in 1NCE's order.
    pub events: Vec<SimEvent>,
    /// Records that are no event.
    pub rejects: Vec<RejectedRecord>,
    /// Events in all, when 1NCE tells.
    pub total: Option<u64>,
    /// Pages in all, when 1NCE tells; v2 does not.
    pub total_pages: Option<u32>,
    /// Whether this page is shorter than the size asked for.
    pub is_last: bool,
}
