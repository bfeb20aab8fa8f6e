//! What is known about one account: how its generations stand, and what calls taught about single paths.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::capability::{Capabilities, Capability, Certainty, Generation, Generations, Offer};
use crate::readiness::{CapabilityReadiness, GenerationReadiness, Learnt, Readiness, Standing};

/// How the two generations stand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Standings {
    pub v1: GenerationReadiness,
    pub v2: GenerationReadiness,
    #[serde(default)]
    pub asked_at: Option<DateTime<Utc>>,
}

impl Standings {
    pub(crate) fn new(v2: Standing, v1: Standing, asked_at: Option<DateTime<Utc>>) -> Self {
        let since = Utc::now();
        let known = |standing| GenerationReadiness { standing, since };
        Self {
            v1: known(v1),
            v2: known(v2),
            asked_at,
        }
    }

    /// The answer that a configuration gives without asking; `None` when 1NCE has to be asked.
    pub(crate) fn configured(generations: Generations) -> Option<Self> {
        let off = || Standing::Gone {
            status: 0,
            what: "is switched off by the configuration".into(),
        };
        match generations {
            Generations::Auto => None,
            Generations::V1Only => Some(Self::new(off(), Standing::Alive, None)),
            Generations::V2Only => Some(Self::new(Standing::Alive, off(), None)),
        }
    }

    /// Keeps the time since when a generation stands as before.
    #[must_use]
    pub(crate) fn after(mut self, before: Option<&Self>) -> Self {
        if let Some(before) = before {
            for (now, before) in [(&mut self.v1, &before.v1), (&mut self.v2, &before.v2)] {
                if now.standing.is_like(&before.standing) {
                    now.since = before.since;
                }
            }
        }
        self
    }

    pub(crate) fn of(&self, generation: Generation) -> &Standing {
        match generation {
            Generation::V1 => &self.v1.standing,
            Generation::V2 => &self.v2.standing,
        }
    }

    pub(crate) fn any_alive(&self) -> bool {
        self.v1.standing.is_alive() || self.v2.standing.is_alive()
    }
}

/// What calls taught; the last lesson about a path counts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Lessons(Vec<Learnt>);

impl Lessons {
    /// The lesson about a path that is still believed.
    pub(crate) fn about(&self, capability: Capability, generation: Generation) -> Option<&Learnt> {
        let now = Utc::now();
        let of_path = |learnt: &&Learnt| learnt.capability == capability && learnt.generation == generation;
        self.0.iter().find(of_path).filter(|learnt| now < learnt.until)
    }

    pub(crate) fn lacks(&self, capability: Capability, generation: Generation) -> Option<&Learnt> {
        self.about(capability, generation).filter(|learnt| !learnt.works)
    }

    pub(crate) fn works(&self, capability: Capability, generation: Generation) -> bool {
        self.about(capability, generation)
            .is_some_and(|learnt| learnt.works)
    }

    /// Adds a lesson unless a newer one is there.
    pub(crate) fn add(&mut self, lesson: Learnt) {
        let same =
            |known: &Learnt| known.capability == lesson.capability && known.generation == lesson.generation;
        match self.0.iter_mut().find(|known| same(known)) {
            Some(known) if known.at > lesson.at => {}
            Some(known) => *known = lesson,
            None => self.0.push(lesson),
        }
    }

    pub(crate) fn merge(&mut self, other: Self) {
        other.0.into_iter().for_each(|lesson| self.add(lesson));
    }
}

/// Why nobody offers a capability now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lacking {
    /// For people.
    pub why: String,
    /// A generation that may have it merely fails.
    pub for_now: bool,
}

/// The generation that the next call of a capability uses, of those not refused yet.
pub(crate) fn choose(
    standings: &Standings,
    lessons: &Lessons,
    capability: Capability,
    refused: &[Generation],
) -> Result<Generation, Lacking> {
    let mut reasons = Vec::new();
    let mut for_now = false;
    for generation in capability.preference() {
        if refused.contains(&generation) {
            continue;
        }
        let word = generation.word();
        match standings.of(generation) {
            Standing::Gone { what, .. } if capability.is_of_sims() => {
                reasons.push(format!("{word} {what}"));
                continue;
            }
            Standing::Failing { why } if capability.is_of_sims() => {
                if lessons.lacks(capability, generation).is_none() {
                    for_now = true;
                    reasons.push(format!("{word} does not answer now ({why})"));
                }
                continue;
            }
            _ => {}
        }
        match lessons.lacks(capability, generation) {
            Some(learnt) => reasons.push(format!("{word} {}", learnt.what)),
            None => return Ok(generation),
        }
    }
    Err(Lacking {
        why: reasons.join("; "),
        for_now,
    })
}

pub(crate) fn offer(standings: &Standings, lessons: &Lessons, capability: Capability) -> Offer {
    match choose(standings, lessons, capability, &[]) {
        Ok(generation @ Generation::V2)
            if capability.certainty() == Certainty::Unknown && !lessons.works(capability, generation) =>
        {
            Offer::Untried(generation)
        }
        Ok(generation) => Offer::Via(generation),
        Err(lacking) => Offer::Unavailable(lacking.why),
    }
}

pub(crate) fn capabilities(standings: &Standings, lessons: &Lessons, probed: bool) -> Capabilities {
    let offers = Capability::ALL
        .into_iter()
        .map(|capability| (capability, offer(standings, lessons, capability)))
        .collect();
    Capabilities { offers, probed }
}

/// Without an answer of 1NCE the published API is assumed, and no standing is told.
pub(crate) fn readiness(standings: Option<&Standings>, lessons: &Lessons) -> Readiness {
    let assumed = Standings::new(Standing::Alive, Standing::Alive, None);
    let of = |capability| {
        let chosen = choose(standings.unwrap_or(&assumed), lessons, capability, &[]);
        let learnt = [Generation::V1, Generation::V2]
            .into_iter()
            .filter_map(|generation| lessons.about(capability, generation).cloned())
            .collect();
        let readiness = CapabilityReadiness {
            generation: chosen.as_ref().ok().copied(),
            why: chosen.err().map(|lacking| lacking.why),
            in_v2: capability.certainty(),
            learnt,
        };
        (capability, readiness)
    };
    let generations = standings.map(|known| {
        [
            (Generation::V1, known.v1.clone()),
            (Generation::V2, known.v2.clone()),
        ]
    });
    Readiness {
        asked_at: standings.and_then(|known| known.asked_at),
        generations: generations.into_iter().flatten().collect(),
        capabilities: Capability::ALL.into_iter().map(of).collect(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn gone() -> Standing {
        Standing::Gone {
            status: 404,
            what: "is gone".into(),
        }
    }

    fn standings(v2: Standing, v1: Standing) -> Standings {
        Standings::new(v2, v1, None)
    }

    fn lesson(capability: Capability, generation: Generation, works: bool, life: Duration) -> Learnt {
        Learnt {
            capability,
            generation,
            works,
            what: "answers 404".into(),
            at: Utc::now(),
            until: Utc::now() + life,
        }
    }

    const HOUR: Duration = Duration::from_secs(3_600);

    #[test]
    fn v2_goes_first_where_it_is_known_and_v1_where_nothing_is_known_of_v2() {
        let both = standings(Standing::Alive, Standing::Alive);
        let via = |capability| offer(&both, &Lessons::default(), capability);
        for capability in [Capability::Sims, Capability::Extension, Capability::Transfer] {
            assert_eq!(via(capability), Offer::Via(Generation::V2), "{capability:?}");
        }
        for capability in [Capability::Usage, Capability::BulkUpdate, Capability::Limits] {
            assert_eq!(via(capability), Offer::Via(Generation::V1), "{capability:?}");
        }
    }

    #[test]
    fn without_v1_what_nobody_knows_of_v2_is_tried_there() {
        let alone = standings(Standing::Alive, gone());
        let mut lessons = Lessons::default();
        assert_eq!(
            offer(&alone, &lessons, Capability::Limits),
            Offer::Untried(Generation::V2)
        );
        assert_eq!(
            offer(&alone, &lessons, Capability::Orders),
            Offer::Via(Generation::V1),
            "orders are no part of the SIM API"
        );
        lessons.add(lesson(Capability::Limits, Generation::V2, false, HOUR));
        let refused = choose(&alone, &lessons, Capability::Limits, &[]).unwrap_err();
        assert_eq!(refused.why, "v1 is gone; v2 answers 404");
        assert!(!refused.for_now);
    }

    #[test]
    fn a_path_that_v2_lacks_goes_through_v1_until_the_lesson_is_too_old() {
        let both = standings(Standing::Alive, Standing::Alive);
        let mut lessons = Lessons::default();
        lessons.add(lesson(Capability::Extension, Generation::V2, false, HOUR));
        assert_eq!(
            offer(&both, &lessons, Capability::Extension),
            Offer::Via(Generation::V1)
        );
        lessons.add(lesson(
            Capability::Extension,
            Generation::V2,
            false,
            Duration::ZERO,
        ));
        assert_eq!(
            offer(&both, &lessons, Capability::Extension),
            Offer::Via(Generation::V2)
        );
    }

    #[test]
    fn a_generation_that_fails_is_missing_for_now_only() {
        let failing = Standing::Failing { why: "503".into() };
        let lacking = choose(
            &standings(gone(), failing),
            &Lessons::default(),
            Capability::Sims,
            &[],
        );
        assert!(lacking.unwrap_err().for_now);
    }

    #[test]
    fn a_standing_keeps_the_time_since_when_it_is_so() {
        let before = standings(Standing::Alive, Standing::Alive);
        let after = standings(Standing::Alive, gone()).after(Some(&before));
        assert_eq!(after.v2.since, before.v2.since);
        assert_ne!(after.v1.since, before.v1.since);
    }
}
