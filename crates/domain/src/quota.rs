use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// How much of a quota is left, in the three steps that the SIM list shows (FACTS §5, `quota_status.id`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QuotaStatus {
    /// Id 0: more than 20 % left.
    Sufficient,
    /// Id 1: less than 20 % left.
    Low,
    /// Id 2: nothing left.
    Exhausted,
    /// An id that 1NCE has not documented; the number is kept.
    Unknown(i32),
}

impl QuotaStatus {
    /// The words that our API shows, each once.
    pub const WORDS: &'static [&'static str] = &["sufficient", "low", "exhausted", "unknown"];

    /// The status of 1NCE's id; the description beside it is unconfirmed and not looked at.
    pub fn from_id(id: i32) -> Self {
        match id {
            0 => Self::Sufficient,
            1 => Self::Low,
            2 => Self::Exhausted,
            other => Self::Unknown(other),
        }
    }

    /// 1NCE's id.
    pub fn id(self) -> i32 {
        match self {
            Self::Sufficient => 0,
            Self::Low => 1,
            Self::Exhausted => 2,
            Self::Unknown(id) => id,
        }
    }

    /// The word that our API shows.
    pub fn word(self) -> &'static str {
        match self {
            Self::Sufficient => "sufficient",
            Self::Low => "low",
            Self::Exhausted => "exhausted",
            Self::Unknown(_) => "unknown",
        }
    }
}

/// What the SIM list tells of one quota: the granted total and how the rest stands, but not what remains (FACTS §5).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuotaSummary {
    /// Granted in total: bytes for data, messages for SMS.
    pub total: Option<i64>,
    /// The step that the rest is in.
    pub status: Option<QuotaStatus>,
    /// When less than 20 % was left for the first time.
    pub threshold_reached_at: Option<DateTime<Utc>>,
    /// When nothing was left for the first time.
    pub exceeded_at: Option<DateTime<Utc>>,
}
