use chrono::{DateTime, Utc};
use domain::DataVolume;

use super::Extra;
use crate::capability::Generation;

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
    /// The generation that told it: what `total` means depends on it, so shares are never compared across.
    pub generation: Generation,
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

impl<V> Quota<V> {
    /// The quota of an expired SIM, of which a generation tells nothing else.
    pub(crate) fn expired(generation: Generation) -> Self {
        Self {
            generation,
            remaining: None,
            total: None,
            accumulated_total: None,
            last_added: None,
            threshold_percentage: None,
            threshold: None,
            expires_at: None,
            peak_throughput: None,
            last_status_change: None,
            id: None,
            created_at: None,
            state: Some(QuotaState::Expired),
            extra: Extra::new(),
        }
    }
}

/// A data quota in bytes.
pub type DataQuota = Quota<DataVolume>;
/// An SMS quota in messages.
pub type SmsQuota = Quota<i64>;
