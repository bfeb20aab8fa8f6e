use chrono::{DateTime, Utc};
use domain::DataVolume;

use super::Extra;

/// Whether a quota can be used (v2 only).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum QuotaState {
    /// Nothing left.
    Exhausted,
    /// In use.
    Active,
    /// Its time is over.
    Expired,
    /// An undocumented id.
    Unknown(i64),
}

/// What is left of a quota (FACTS §8). `V` is bytes for data and a count for SMS.
#[derive(Debug, Clone, PartialEq)]
pub struct Quota<V> {
    /// What is left. Negative when overdrawn (v2).
    pub remaining: Option<V>,
    /// v1: everything ever granted. v2: what was there after the last grant; percentages refer to it.
    pub total: Option<V>,
    /// Everything ever granted (v2).
    pub accumulated_total: Option<V>,
    /// The last grant.
    pub last_added: Option<V>,
    /// The share, in percent, under which 1NCE reports a low quota.
    pub threshold_percentage: Option<i64>,
    /// The same as an amount (v2).
    pub threshold: Option<V>,
    /// When it ends.
    pub expires_at: Option<DateTime<Utc>>,
    /// Bits per second (v1 data).
    pub peak_throughput: Option<i64>,
    /// When 1NCE last changed its state (v1).
    pub last_status_change: Option<DateTime<Utc>>,
    /// 1NCE's number of this quota (v2).
    pub id: Option<i64>,
    /// When it was granted first (v2).
    pub created_at: Option<DateTime<Utc>>,
    /// Whether it can be used (v2).
    pub state: Option<QuotaState>,
    /// The rest.
    pub extra: Extra,
}

/// A data quota in bytes.
pub type DataQuota = Quota<DataVolume>;
/// An SMS quota in messages.
pub type SmsQuota = Quota<i64>;
