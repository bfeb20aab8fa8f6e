//! What the client knows about the generations and capabilities of its account, for health checks and people.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::capability::{Capability, Certainty, Generation};

/// How a generation of the SIM API stands: what it answers to `GET /sims`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Standing {
    /// It lists SIMs.
    Alive,
    /// It does not list SIMs any more.
    Gone {
        /// HTTP status: 404 and 410 say so for certain; 401 and 403 while the other generation takes the same token,
        /// 3xx and a 200 that is no list are taken for it. 0 when it is switched off in the configuration.
        status: u16,
        /// The same for people.
        what: String,
    },
    /// It does not answer, or with 5xx; it may come back, and counts as not there for now.
    Failing {
        /// What happened instead of an answer.
        why: String,
    },
}

impl Standing {
    /// Whether calls may be sent to it.
    pub fn is_alive(&self) -> bool {
        matches!(self, Self::Alive)
    }

    /// Whether it will not come back: what the other generation does not know, 1NCE does not know.
    pub fn is_gone_for_certain(&self) -> bool {
        matches!(
            self,
            Self::Gone {
                status: 0 | 404 | 410,
                ..
            }
        )
    }

    /// Whether it merely fails, so that nothing can be concluded.
    pub fn is_failing(&self) -> bool {
        matches!(self, Self::Failing { .. })
    }

    /// Whether both are the same but for the words.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Gone { status, .. }, Self::Gone { status: other, .. }) => status == other,
            _ => std::mem::discriminant(self) == std::mem::discriminant(other),
        }
    }
}

/// A generation's standing and since when it is known to stand so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GenerationReadiness {
    /// How it stands.
    #[serde(flatten)]
    pub standing: Standing,
    /// Since when (UTC).
    pub since: DateTime<Utc>,
}

/// What a call taught about one capability in one generation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Learnt {
    /// Of which capability.
    pub capability: Capability,
    /// In which generation.
    pub generation: Generation,
    /// Whether it works there.
    pub works: bool,
    /// What happened, for people.
    pub what: String,
    /// When (UTC).
    pub at: DateTime<Utc>,
    /// Until when it is believed (UTC); then the next use finds out anew.
    pub until: DateTime<Utc>,
}

/// How a capability can be had.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CapabilityReadiness {
    /// The generation that the next call uses; `None` when nobody offers it.
    pub generation: Option<Generation>,
    /// Why nobody offers it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// How sure it is that v2 has it.
    pub in_v2: Certainty,
    /// What calls taught, and when.
    pub learnt: Vec<Learnt>,
}

/// What the client knows about its account's API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Readiness {
    /// When 1NCE was asked last (UTC); `None` when it is configured or could not be asked.
    pub asked_at: Option<DateTime<Utc>>,
    /// Each generation of the SIM API; empty when 1NCE could not be asked.
    pub generations: BTreeMap<Generation, GenerationReadiness>,
    /// Each capability.
    pub capabilities: BTreeMap<Capability, CapabilityReadiness>,
}

impl Readiness {
    /// How a generation stands; `None` when 1NCE could not be asked.
    pub fn standing(&self, generation: Generation) -> Option<&Standing> {
        self.generations.get(&generation).map(|known| &known.standing)
    }
}
