//! What the end of v1 changes for each thing that 1NCE's API can do, in a word and a sentence.

use domain::{Outlook, ProviderCapability};
use once_client::{CapabilityReadiness, Certainty, Generation, Learnt};

/// Whether it is part of the SIM API, whose v1 1NCE ends. Whether `/v1/orders` and its like end too is unconfirmed
/// (FACTS §1, FACTS-2026-11 U1).
pub fn is_of_sims(capability: ProviderCapability) -> bool {
    use ProviderCapability as Is;
    !matches!(capability, Is::Orders | Is::Products | Is::Support)
}

/// The capability for people, as the beginning of a sentence.
fn subject(capability: ProviderCapability) -> &'static str {
    use ProviderCapability as Is;
    match capability {
        Is::Sims => "Listing, reading and changing SIMs",
        Is::Reset => "Resetting a connection",
        Is::Status => "Reading how a SIM is connected",
        Is::Quota => "Reading what is left of data and SMS",
        Is::Sms => "Sending and reading SMS",
        Is::Events => "Reading events of a SIM",
        Is::TopUp => "Topping up one SIM",
        Is::Usage => "Reading usage per day",
        Is::BulkUpdate => "Changing many SIMs with one call",
        Is::BulkTopUp => "Topping up many SIMs with one order",
        Is::AutoTopUp => "1NCE's automatic top-up",
        Is::Extension => "Prolonging SIMs",
        Is::Transfer => "Moving SIMs to another organisation",
        Is::ConnectivityInfo => "Asking the visited network",
        Is::Limits => "Reading and setting monthly limits",
        Is::Orders => "Reading and placing orders",
        Is::Products => "Reading what can be ordered",
        Is::Support => "Working with support cases",
    }
}

/// What is done instead where v1 was the only way.
fn instead(capability: ProviderCapability) -> &'static str {
    use ProviderCapability as Is;
    match capability {
        Is::Usage => {
            "The Data Streamer goes on delivering usage; a day that it misses cannot be filled while v2 does not answer."
        }
        Is::BulkUpdate => "Simward changes the SIMs one by one.",
        Is::BulkTopUp => "The SIMs can be topped up one by one.",
        Is::Limits => {
            "Set the monthly limits in the 1NCE portal; that a SIM has reached its limit is still told in its events."
        }
        Is::Orders | Is::Products | Is::Support => "Simward asks v2 as soon as v1 does not answer any more.",
        _ => "Use the 1NCE portal, and ask 1NCE for the path in v2.",
    }
}

/// The outlook, its sentence, and what is done instead; empty where nothing has to be.
pub fn told(capability: ProviderCapability, known: &CapabilityReadiness) -> (Outlook, String, String) {
    let outlook = outlook(capability, known);
    let what = subject(capability);
    let lesson = in_v2(known).map_or_else(String::new, |lesson| lesson.what.clone());
    let sentence = match outlook {
        Outlook::Stays => format!("{what} runs through v2; the end of v1 changes nothing."),
        Outlook::Expected => {
            format!(
                "{what} runs through v2, as 1NCE documents it; no call has proved it on this account yet."
            )
        }
        Outlook::Moves if in_v2(known).is_some() => {
            format!("{what} runs through v1 and works in v2 too; Simward goes over by itself.")
        }
        Outlook::Moves => {
            format!(
                "{what} runs through v1 because v2 does not serve it now; Simward goes over as soon as v2 does."
            )
        }
        Outlook::Untried if known.generation == Some(Generation::V1) => {
            format!(
                "{what} runs through v1; 1NCE shows no path in v2, so Simward tries it there when v1 is gone."
            )
        }
        Outlook::Untried => {
            format!("{what} has to be tried in v2; the first use finds out whether it works.")
        }
        Outlook::Ends => format!("{what} ends with v1: v2 {lesson}."),
        Outlook::Unconfirmed => {
            format!("{what} runs through v1; 1NCE does not say whether that ends, nor shows a path in v2.")
        }
        Outlook::Unavailable => {
            format!(
                "{what} is not possible now: {}.",
                known.why.as_deref().unwrap_or("nobody offers it")
            )
        }
    };
    let instead = match outlook {
        Outlook::Stays | Outlook::Expected | Outlook::Moves => "",
        _ => instead(capability),
    };
    (outlook, sentence, instead.to_owned())
}

fn outlook(capability: ProviderCapability, known: &CapabilityReadiness) -> Outlook {
    match known.generation {
        None => Outlook::Unavailable,
        Some(Generation::V2) if is_proven(known) => Outlook::Stays,
        Some(Generation::V2) if known.in_v2 == Certainty::Documented => Outlook::Expected,
        Some(Generation::V2) => Outlook::Untried,
        Some(Generation::V1) => match in_v2(known).map(|lesson| lesson.works) {
            Some(true) => Outlook::Moves,
            Some(false) if is_of_sims(capability) => Outlook::Ends,
            _ if !is_of_sims(capability) => Outlook::Unconfirmed,
            None if known.in_v2 == Certainty::Unknown => Outlook::Untried,
            _ => Outlook::Moves,
        },
    }
}

/// What a call taught about v2.
fn in_v2(known: &CapabilityReadiness) -> Option<&Learnt> {
    known
        .learnt
        .iter()
        .find(|lesson| lesson.generation == Generation::V2)
}

fn is_proven(known: &CapabilityReadiness) -> bool {
    known.in_v2 == Certainty::Certain || in_v2(known).is_some_and(|lesson| lesson.works)
}

#[cfg(test)]
mod tests {
    use chrono::Utc;
    use once_client::Capability;

    use super::*;

    fn known(generation: Option<Generation>, in_v2: Certainty, taught: Option<bool>) -> CapabilityReadiness {
        let lesson = taught.map(|works| Learnt {
            capability: Capability::Usage,
            generation: Generation::V2,
            works,
            what: "has no such path: it answers 404".into(),
            at: Utc::now(),
            until: Utc::now(),
        });
        CapabilityReadiness {
            generation,
            why: generation.is_none().then(|| "v1 is gone".to_owned()),
            in_v2,
            learnt: lesson.into_iter().collect(),
        }
    }

    #[test]
    fn what_the_end_of_v1_changes_follows_from_the_generation_and_what_is_known_of_v2() {
        use ProviderCapability::{Extension, Orders, Sims, Usage};
        let (v1, v2) = (Some(Generation::V1), Some(Generation::V2));
        let cases = [
            (Sims, known(v2, Certainty::Certain, None), Outlook::Stays),
            (Sims, known(v1, Certainty::Certain, None), Outlook::Moves),
            (
                Extension,
                known(v2, Certainty::Documented, None),
                Outlook::Expected,
            ),
            (
                Extension,
                known(v2, Certainty::Documented, Some(true)),
                Outlook::Stays,
            ),
            (
                Extension,
                known(v1, Certainty::Documented, Some(false)),
                Outlook::Ends,
            ),
            (Usage, known(v1, Certainty::Unknown, None), Outlook::Untried),
            (Usage, known(v1, Certainty::Unknown, Some(true)), Outlook::Moves),
            (Usage, known(v1, Certainty::Unknown, Some(false)), Outlook::Ends),
            (Usage, known(v2, Certainty::Unknown, None), Outlook::Untried),
            (Usage, known(v2, Certainty::Unknown, Some(true)), Outlook::Stays),
            (
                Usage,
                known(None, Certainty::Unknown, Some(false)),
                Outlook::Unavailable,
            ),
            (Orders, known(v1, Certainty::Unknown, None), Outlook::Unconfirmed),
            (
                Orders,
                known(v1, Certainty::Unknown, Some(false)),
                Outlook::Unconfirmed,
            ),
            (Orders, known(v2, Certainty::Unknown, Some(true)), Outlook::Stays),
        ];
        for (capability, known, expected) in cases {
            let (outlook, sentence, instead) = told(capability, &known);
            assert_eq!(outlook, expected, "{capability}: {known:?}");
            assert!(sentence.ends_with('.'), "{sentence}");
            let goes_on = matches!(outlook, Outlook::Stays | Outlook::Expected | Outlook::Moves);
            assert_eq!(instead.is_empty(), goes_on, "{capability}: {instead}");
        }
    }

    #[test]
    fn a_path_that_no_call_has_proved_is_not_called_safe() {
        let (v2, documented) = (Some(Generation::V2), Certainty::Documented);
        let (_, unproved, _) = told(ProviderCapability::Transfer, &known(v2, documented, None));
        assert!(unproved.contains("no call has proved it"), "{unproved}");
        let (_, proved, _) = told(ProviderCapability::Transfer, &known(v2, documented, Some(true)));
        assert!(proved.contains("changes nothing"), "{proved}");
    }

    #[test]
    fn every_capability_of_the_client_has_a_word() {
        for capability in Capability::ALL {
            assert!(
                super::super::report::word_of(capability).is_some(),
                "{capability:?}"
            );
        }
        assert_eq!(Capability::ALL.len(), ProviderCapability::ALL.len());
    }
}
