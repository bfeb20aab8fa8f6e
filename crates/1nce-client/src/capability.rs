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
    /// Usage per day. Unconfirmed on v2; there it is found out by the first call.
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
}

impl Capability {
    /// All of them.
    pub const ALL: [Self; 15] = [
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
    ];

    /// Whether the published v2 has it.
    fn in_v2(self) -> bool {
        matches!(
            self,
            Self::Sims | Self::Reset | Self::Status | Self::Quota | Self::Sms | Self::Events | Self::TopUp
        )
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

/// What was found out about the two generations; kept in Redis for all processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Probe {
    pub v1: bool,
    pub v2: bool,
    /// Whether v2 has usage; `None` until someone asked for usage.
    pub v2_usage: Option<bool>,
    /// Whether one generation could not be asked: it failed, and counts as not there for now.
    #[serde(default)]
    pub half_known: bool,
}

impl Probe {
    /// The answer that a configuration gives without asking; `None` when 1NCE has to be asked.
    pub(crate) fn configured(generations: Generations) -> Option<Self> {
        let probe = |v1, v2| Self {
            v1,
            v2,
            v2_usage: None,
            half_known: false,
        };
        match generations {
            Generations::Auto => None,
            Generations::V1Only => Some(probe(true, false)),
            Generations::V2Only => Some(probe(false, true)),
        }
    }

    pub(crate) fn capabilities(self, probed: bool) -> Capabilities {
        let offers = Capability::ALL
            .into_iter()
            .map(|capability| (capability, self.offer(capability)))
            .collect();
        Capabilities { offers, probed }
    }

    pub(crate) fn lives(self, generation: Generation) -> bool {
        match generation {
            Generation::V1 => self.v1,
            Generation::V2 => self.v2,
        }
    }

    pub(crate) fn offer(self, capability: Capability) -> Offer {
        match self.settled_offer(capability) {
            Offer::Unavailable(_) if self.half_known => {
                Offer::Unavailable("the generation that may have it does not answer now".into())
            }
            offer => offer,
        }
    }

    fn settled_offer(self, capability: Capability) -> Offer {
        if capability == Capability::Usage {
            return self.usage();
        }
        match (capability.in_v2(), self.v2, self.v1) {
            (true, true, _) => Offer::Via(Generation::V2),
            (_, _, true) => Offer::Via(Generation::V1),
            (true, false, false) => Offer::Unavailable("neither generation of the SIM API answers".into()),
            (false, _, false) => Offer::Unavailable("only v1 of the SIM API has it, and v1 is gone".into()),
        }
    }

    fn usage(self) -> Offer {
        match (self.v2, self.v2_usage, self.v1) {
            (true, Some(true), _) => Offer::Via(Generation::V2),
            (_, _, true) => Offer::Via(Generation::V1),
            (true, None, false) => Offer::Untried(Generation::V2),
            (true, Some(false), false) => Offer::Unavailable("v1 is gone and v2 has no usage".into()),
            (false, _, false) => Offer::Unavailable("neither generation of the SIM API answers".into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn probe(v1: bool, v2: bool) -> Probe {
        Probe {
            v1,
            v2,
            v2_usage: None,
            half_known: false,
        }
    }

    #[test]
    fn v2_goes_first_and_v1_fills_the_gaps_while_it_lives() {
        let both = probe(true, true);
        assert_eq!(both.offer(Capability::Sims), Offer::Via(Generation::V2));
        assert_eq!(both.offer(Capability::Limits), Offer::Via(Generation::V1));
        assert_eq!(both.offer(Capability::Usage), Offer::Via(Generation::V1));
    }

    #[test]
    fn without_v1_its_own_calls_are_unavailable_and_usage_is_tried_on_v2() {
        let v2 = probe(false, true);
        assert!(matches!(v2.offer(Capability::BulkTopUp), Offer::Unavailable(_)));
        assert_eq!(v2.offer(Capability::Usage), Offer::Untried(Generation::V2));
        let without = Probe {
            v2_usage: Some(false),
            ..v2
        };
        assert!(matches!(without.offer(Capability::Usage), Offer::Unavailable(_)));
    }

    #[test]
    fn every_capability_has_an_offer() {
        let map = probe(true, false).capabilities(true);
        assert_eq!(map.offers.len(), Capability::ALL.len());
        assert!(
            Capability::ALL
                .iter()
                .all(|each| map.generation(*each) == Some(Generation::V1))
        );
    }
}
