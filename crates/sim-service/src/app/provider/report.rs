//! What is known of one account's API, and what the end of v1 changes, for people.

use chrono::{DateTime, Utc};
use domain::{ApiGeneration, GenerationState, LoginResult, ProviderCapability, ProviderWarning};
use messages::pb::sim as pb;
use once_client::{
    Capability, CapabilityReadiness, Generation, GenerationReadiness, LastLogin, Learnt, OnceClient,
    Readiness, Standing,
};

use super::{capability, ending, login, tasks};

/// What is known of an account's API at one moment.
#[derive(Debug, Clone)]
pub struct Known {
    pub account: String,
    pub readiness: Readiness,
    pub login: Option<LastLogin>,
}

impl Known {
    /// Asks 1NCE when nothing is known yet or that is too old.
    pub async fn of(client: &OnceClient) -> Self {
        // In this order: asking may log in.
        let readiness = client.readiness().await;
        Self {
            account: client.account().to_string(),
            readiness,
            login: client.last_login(),
        }
    }

    fn is_alive(&self, generation: Generation) -> bool {
        self.readiness
            .standing(generation)
            .is_some_and(Standing::is_alive)
    }

    /// What runs through v1 of the SIM API and ends with it.
    pub fn through_v1(&self) -> Vec<ProviderCapability> {
        if !self.is_alive(Generation::V1) {
            return Vec::new();
        }
        let of_v1 = |(capability, known): (&Capability, &CapabilityReadiness)| {
            let word = word_of(*capability).filter(|word| capability::is_of_sims(*word));
            word.filter(|_| known.generation == Some(Generation::V1))
        };
        self.readiness.capabilities.iter().filter_map(of_v1).collect()
    }

    /// The warning of v1's end, from thirty days before it and as long as something runs through it.
    pub fn end_warning(&self, now: DateTime<Utc>) -> Option<String> {
        let through_v1 = self.through_v1();
        let warns = ending::is_near(now) && !through_v1.is_empty();
        warns.then(|| {
            format!(
                "API v1 of 1NCE ends on {}; account {} still uses it for {}. GET /api/v1/provider/readiness says what happens then.",
                ending::end(now),
                self.account,
                listed(&through_v1)
            )
        })
    }

    /// Everything that should worry whoever runs the account.
    pub fn warnings(&self, now: DateTime<Utc>) -> Vec<pb::ProviderWarning> {
        let warning = |code: ProviderWarning, sentence: String| pb::ProviderWarning {
            code: code.to_string(),
            sentence,
        };
        let (result, sentence) = login::told(self.login.as_ref());
        let login = match result {
            LoginResult::Refused => Some(warning(ProviderWarning::LoginRefused, sentence)),
            LoginResult::Failed => Some(warning(ProviderWarning::LoginFailed, sentence)),
            LoginResult::Ok | LoginResult::Unknown => None,
        };
        let end = self.end_warning(now);
        let end = end.map(|sentence| warning(ProviderWarning::V1Ends, sentence));
        login.into_iter().chain(end).collect()
    }

    /// The whole page.
    pub fn report(&self, now: DateTime<Utc>) -> pb::AccountReadiness {
        let (result, sentence) = login::told(self.login.as_ref());
        let generations = [Generation::V1, Generation::V2];
        pb::AccountReadiness {
            account: self.account.clone(),
            v1_ends_on: ending::V1_ENDS_ON.to_string(),
            days_left: ending::days_left(now),
            needs_v1: !self.through_v1().is_empty(),
            summary: self.summary(result, now),
            asked_at: self.readiness.asked_at.map(Into::into),
            login: Some(pb::ProviderLogin {
                result: result.to_string(),
                at: self.login.as_ref().map(|login| login.at.into()),
                sentence,
            }),
            generations: generations
                .map(|of| generation(of, self.readiness.generations.get(&of), now))
                .into(),
            capabilities: self.capabilities(),
            tasks: tasks::tasks(self, result),
        }
    }

    fn summary(&self, login: LoginResult, now: DateTime<Utc>) -> String {
        let end = ending::end(now);
        let through_v1 = self.through_v1();
        if login == LoginResult::Refused {
            return "1NCE refuses the client id and secret, so nothing can be read or changed.".to_owned();
        }
        if self.readiness.generations.is_empty() {
            return format!("1NCE could not be asked what it serves. It ends API v1 on {end}.");
        }
        match (self.is_alive(Generation::V1), self.is_alive(Generation::V2)) {
            (false, false) => "Neither generation of the SIM API lists SIMs.".to_owned(),
            (true, false) => {
                format!("API v2 does not list SIMs, so everything runs through v1, which 1NCE ends on {end}.")
            }
            (false, true) => {
                "API v1 does not serve this account; everything that v2 offers runs through v2.".to_owned()
            }
            (true, true) if through_v1.is_empty() => {
                format!("1NCE ends API v1 on {end}; nothing of this account needs it.")
            }
            (true, true) => {
                format!(
                    "1NCE ends API v1 on {end}; until then it serves {}.",
                    listed(&through_v1)
                )
            }
        }
    }

    fn capabilities(&self) -> Vec<pb::CapabilityReadiness> {
        let told = |(capability, known): (&Capability, &CapabilityReadiness)| {
            let word = word_of(*capability)?;
            let (outlook, sentence, instead) = capability::told(word, known);
            Some(pb::CapabilityReadiness {
                capability: word.to_string(),
                generation: known.generation.map(generation_word).unwrap_or_default(),
                in_v2: certainty(known.in_v2).to_string(),
                outlook: outlook.to_string(),
                sentence,
                instead,
                learnt: known.learnt.iter().map(lesson).collect(),
            })
        };
        self.readiness.capabilities.iter().filter_map(told).collect()
    }
}

/// Our word for what the client calls the same; `None` for one that is newer than the list of words.
pub fn word_of(capability: Capability) -> Option<ProviderCapability> {
    let word = serde_json::to_value(capability).ok()?;
    ProviderCapability::from_word(word.as_str()?)
}

fn listed(capabilities: &[ProviderCapability]) -> String {
    let words: Vec<&str> = capabilities.iter().map(|capability| capability.word()).collect();
    words.join(", ")
}

fn generation_word(generation: Generation) -> String {
    let word = match generation {
        Generation::V1 => ApiGeneration::V1,
        Generation::V2 => ApiGeneration::V2,
    };
    word.to_string()
}

fn certainty(certainty: once_client::Certainty) -> domain::Certainty {
    match certainty {
        once_client::Certainty::Certain => domain::Certainty::Certain,
        once_client::Certainty::Documented => domain::Certainty::Documented,
        once_client::Certainty::Unknown => domain::Certainty::Unknown,
    }
}

fn lesson(learnt: &Learnt) -> pb::CapabilityLesson {
    let generation = generation_word(learnt.generation);
    pb::CapabilityLesson {
        sentence: format!("{generation} {}.", learnt.what),
        generation,
        works: learnt.works,
        at: Some(learnt.at.into()),
        until: Some(learnt.until.into()),
    }
}

/// How a generation stands; what 1NCE ends is said where it is still there.
pub fn state_of(standing: Option<&Standing>) -> GenerationState {
    match standing {
        Some(Standing::Alive) => GenerationState::Alive,
        Some(Standing::Gone { .. }) => GenerationState::Gone,
        Some(Standing::Failing { .. }) => GenerationState::Failing,
        None => GenerationState::Unknown,
    }
}

fn generation(
    generation: Generation,
    known: Option<&GenerationReadiness>,
    now: DateTime<Utc>,
) -> pb::GenerationReadiness {
    let word = generation_word(generation);
    let standing = known.map(|known| &known.standing);
    let sentence = match standing {
        Some(Standing::Alive) if generation == Generation::V1 => {
            format!("v1 lists SIMs; 1NCE ends it on {}.", ending::end(now))
        }
        Some(Standing::Alive) => format!("{word} lists SIMs."),
        Some(Standing::Gone { what, .. }) => format!("{word} {what}."),
        Some(Standing::Failing { why }) => {
            format!("{word} does not answer as it should, and may come back: {why}.")
        }
        None => format!("1NCE could not be asked whether {word} lists SIMs."),
    };
    let status = match standing {
        Some(Standing::Gone { status, .. }) => u32::from(*status),
        _ => 0,
    };
    pb::GenerationReadiness {
        generation: word,
        state: state_of(standing).to_string(),
        status,
        since: known.map(|known| known.since.into()),
        sentence,
    }
}

#[cfg(test)]
pub mod tests {
    use once_client::Certainty;

    use super::*;

    /// How the next call of a capability goes.
    pub fn through(capability: Capability, generation: Generation) -> (Capability, CapabilityReadiness) {
        let known = CapabilityReadiness {
            generation: Some(generation),
            why: None,
            in_v2: Certainty::Unknown,
            learnt: Vec::new(),
        };
        (capability, known)
    }

    /// An account of which both generations live.
    pub fn known(capabilities: &[(Capability, CapabilityReadiness)]) -> Known {
        let alive = GenerationReadiness {
            standing: Standing::Alive,
            since: Utc::now(),
        };
        Known {
            account: "main".into(),
            readiness: Readiness {
                asked_at: Some(Utc::now()),
                generations: [Generation::V1, Generation::V2]
                    .map(|of| (of, alive.clone()))
                    .into(),
                capabilities: capabilities.iter().cloned().collect(),
            },
            login: None,
        }
    }

    fn at(moment: &str) -> DateTime<Utc> {
        moment.parse().unwrap()
    }

    #[test]
    fn only_what_ends_with_v1_is_warned_of_and_only_when_the_end_is_near() {
        let usage = known(&[through(Capability::Usage, Generation::V1)]);
        assert_eq!(usage.end_warning(at("2026-11-30T12:00:00Z")), None);
        let warning = usage.end_warning(at("2026-12-01T00:00:00Z")).unwrap();
        assert!(
            warning.contains("(in 30 days)") && warning.contains("for usage."),
            "{warning}"
        );
        assert!(
            usage.end_warning(at("2027-01-02T12:00:00Z")).is_some(),
            "1NCE serves it still"
        );
        let orders = known(&[through(Capability::Orders, Generation::V1)]);
        assert_eq!(orders.end_warning(at("2026-12-30T12:00:00Z")), None);
    }

    #[test]
    fn a_page_says_in_which_manner_a_generation_is_gone() {
        let mut gone = known(&[through(Capability::Usage, Generation::V2)]);
        let standing = Standing::Gone {
            status: 410,
            what: "is gone: it answers 410".into(),
        };
        gone.readiness
            .generations
            .entry(Generation::V1)
            .and_modify(|of| of.standing = standing);
        let page = gone.report(at("2027-01-02T12:00:00Z"));
        let v1 = &page.generations[0];
        assert_eq!((v1.state.as_str(), v1.status), ("gone", 410));
        assert_eq!(v1.sentence, "v1 is gone: it answers 410.");
        assert!(!page.needs_v1 && page.summary.contains("v2"), "{page:?}");

        let failing = Standing::Failing { why: "503".into() };
        gone.readiness
            .generations
            .entry(Generation::V2)
            .and_modify(|of| of.standing = failing);
        let page = gone.report(at("2027-01-02T12:00:00Z"));
        assert_eq!(page.generations[1].state, "failing");
        assert!(page.summary.contains("Neither"), "{page:?}");

        gone.readiness.generations.clear();
        assert_eq!(
            gone.report(at("2027-01-02T12:00:00Z")).generations[0].state,
            "unknown"
        );
    }
}
