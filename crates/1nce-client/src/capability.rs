//! What this account's API offers, and in which generation (FACTS §1): v2 first, v1 while it lives.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A generation of the SIM-management API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Generation {
    /// `/v1/sims`, retired on 31 Dec 2026.
    V1,
    /// `/v2/sims`.
    V2,
}

impl Generation {
    /// The path segment.
    pub fn word(self) -> &'static str {
        match self {
            Self::V1 => "v1",
            Self::V2 => "v2",
        }
    }
}

/// Which generations of the SIM API may be used (DESIGN §5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Generations {
    /// Ask 1NCE which are alive; v2 first.
    #[default]
    Auto,
    /// v2 alone, without asking.
    V2Only,
    /// v1 alone, without asking.
    V1Only,
}

/// Something that the SIM-management API can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Capability {
    /// List, read and change SIMs.
    Sims,
    /// Reset a connection.
    Reset,
    /// Connectivity status.
    Status,
    /// Remaining data and SMS.
    Quota,
    /// Send, list, read and cancel SMS.
    Sms,
    /// Events of a SIM.
    Events,
    /// Top up one SIM.
    TopUp,
    /// Usage per day.
    Usage,
    /// Change many SIMs with one call.
    BulkUpdate,
    /// Top up many SIMs with one order.
    BulkTopUp,
    /// 1NCE's own automatic top-up.
    AutoTopUp,
    /// Prolong SIMs.
    Extension,
    /// Move SIMs to another organisation.
    Transfer,
    /// Ask the visited network.
    ConnectivityInfo,
    /// Monthly limits of the account.
    Limits,
    /// List, read and place orders.
    Orders,
    /// What can be ordered.
    Products,
    /// List and open support cases.
    Support,
}

/// How sure it is that v2 has a capability (FACTS-2026-11 U1, U2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Certainty {
    /// The published specification of v2 has it.
    Certain,
    /// Public pages show its path below `/v2`; body and errors are taken to be those of v1.
    Documented,
    /// No public page shows it; the first use finds out.
    Unknown,
}

impl Capability {
    /// All of them.
    pub const ALL: [Self; 18] = [
        Self::Sims,
        Self::Reset,
        Self::Status,
        Self::Quota,
        Self::Sms,
        Self::Events,
        Self::TopUp,
        Self::Usage,
        Self::BulkUpdate,
        Self::BulkTopUp,
        Self::AutoTopUp,
        Self::Extension,
        Self::Transfer,
        Self::ConnectivityInfo,
        Self::Limits,
        Self::Orders,
        Self::Products,
        Self::Support,
    ];

    /// How sure it is that v2 has it.
    pub fn certainty(self) -> Certainty {
        match self {
            Self::Sims
            | Self::Reset
            | Self::Status
            | Self::Quota
            | Self::Sms
            | Self::Events
            | Self::TopUp => Certainty::Certain,
            Self::BulkTopUp | Self::AutoTopUp | Self::Extension | Self::Transfer | Self::ConnectivityInfo => {
                Certainty::Documented
            }
            Self::Usage | Self::BulkUpdate | Self::Limits | Self::Orders | Self::Products | Self::Support => {
                Certainty::Unknown
            }
        }
    }

    /// Whether it is part of the SIM API; the rest goes on or ends without regard to the generations of `/sims*`.
    pub(crate) fn is_of_sims(self) -> bool {
        !matches!(self, Self::Orders | Self::Products | Self::Support)
    }

    /// The generations in the order in which they are used.
    pub(crate) fn preference(self) -> [Generation; 2] {
        match self.certainty() {
            Certainty::Certain | Certainty::Documented => [Generation::V2, Generation::V1],
            Certainty::Unknown => [Generation::V1, Generation::V2],
        }
    }
}

/// How a capability can be had.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Offer {
    /// This generation offers it.
    Via(Generation),
    /// This generation may offer it; the first use finds out.
    Untried(Generation),
    /// Nobody offers it; the reason, for people.
    Unavailable(String),
}

impl Offer {
    /// The generation to call, if any.
    pub fn generation(&self) -> Option<Generation> {
        match self {
            Self::Via(generation) | Self::Untried(generation) => Some(*generation),
            Self::Unavailable(_) => None,
        }
    }
}

/// The capability map of one account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Capabilities {
    /// Every capability and how it can be had.
    pub offers: BTreeMap<Capability, Offer>,
    /// Whether this was found out by asking 1NCE; false when it is configured or 1NCE could not be asked yet.
    pub probed: bool,
}

impl Capabilities {
    /// How one capability can be had.
    pub fn offer(&self, capability: Capability) -> Offer {
        self.offers
            .get(&capability)
            .cloned()
            .unwrap_or_else(|| Offer::Unavailable("not part of the API".into()))
    }

    /// The generation to call for a capability.
    pub fn generation(&self, capability: Capability) -> Option<Generation> {
        self.offer(capability).generation()
    }
}
