//! What a failed call says, found out with further questions, and what is kept of it for all processes.

use std::time::{Duration, Instant};

use chrono::Utc;
use domain::Iccid;

use super::OnceClient;
use super::call::Call;
use super::generations::unknown;
use super::refusal::{Proof, Refused, suspicion};
use super::sims::{GET, LARGEST_BULK, LIST};
use crate::capability::{Capability, Certainty, Generation, Generations};
use crate::error::{ClientError, Teller};
use crate::lane::Lane;
use crate::readiness::{Learnt, Standing};

/// How long a lesson is believed that may be a passing fault.
const DOUBTFUL_LESSON: Duration = Duration::from_secs(600);
/// The same of a path that the published API has: one odd answer must not switch it off for long.
const LESSON_OF_THE_PUBLISHED: Duration = Duration::from_secs(60);

/// Whether 1NCE knows the SIMs that a call named.
enum Known {
    All,
    Not,
    Unclear(ClientError),
}

/// What one refusal means when no other generation is left.
enum Meaning {
    /// The error itself: it is about what was asked.
    Error(ClientError),
    /// The generation does not offer the capability.
    Missing,
    /// It may offer it again; the words go behind what it answered.
    ForNow(Option<ClientError>),
}

impl OnceClient {
    pub(super) fn is_proven(&self, capability: Capability, generation: Generation) -> bool {
        generation == Generation::V1
            || capability.certainty() == Certainty::Certain
            || self.inner.generations.lessons().works(capability, generation)
    }

    /// A failure that is about what was asked comes back as error; otherwise the refusal, with what the generation
    /// itself answers now.
    pub(super) async fn doubt(
        &self,
        capability: Capability,
        generation: Generation,
        call: &Call,
        error: ClientError,
        sent: Instant,
    ) -> Result<Refused, ClientError> {
        let asks = self.inner.generations.setting == Generations::Auto && capability.is_of_sims();
        let proven = self.is_proven(capability, generation);
        let Some(proof) = suspicion(capability, call, &error, proven) else {
            // Something that is no API answered an action: the next one must not meet it again.
            if asks && matches!(error, ClientError::Uncertain { status: Some(status), .. } if status < 500) {
                let asked = self.renew(Some(sent)).await;
                tracing::debug!(?asked, "asked what lives after an unreadable answer");
            }
            return Err(self.about_the_sim(capability, generation, error));
        };
        let told_by_the_api = matches!(error, ClientError::NotFound { by: Teller::Api, .. });
        let is_list = call.endpoint.name == LIST.name;
        let generation_lives = if !asks || (told_by_the_api && !is_list) {
            Ok(true)
        } else {
            let asked = self.renew(Some(sent)).await;
            asked.map(|standings| standings.of(generation).is_alive())
        };
        if let (Some(list), Ok(true), ClientError::NotFound { .. }) = (&call.list, &generation_lives, &error)
        {
            self.believe_if_the_list_reads(capability, generation, list, &error)
                .await?;
        }
        Ok(Refused {
            generation,
            error,
            proof,
            iccids: call.iccids.clone(),
            generation_lives,
        })
    }

    /// v1 lists only the SIMs of its own platform: until v2 is gone for certain, a SIM that v1 does not know may be there.
    pub(super) fn may_be_elsewhere(&self, generation: Generation) -> bool {
        let standings = self.inner.generations.outdated();
        generation == Generation::V1
            && self.inner.generations.setting == Generations::Auto
            && standings.is_some_and(|known| {
                let v2 = known.of(Generation::V2);
                !v2.is_alive() && !v2.is_gone_for_certain()
            })
    }

    fn about_the_sim(
        &self,
        capability: Capability,
        generation: Generation,
        error: ClientError,
    ) -> ClientError {
        let of_sims = capability.is_of_sims();
        match error {
            ClientError::NotFound { .. } if of_sims && self.may_be_elsewhere(generation) => {
                elsewhere(capability)
            }
            other => other,
        }
    }

    /// A path below which single things stand is missing only if their list is not read either.
    async fn believe_if_the_list_reads(
        &self,
        capability: Capability,
        generation: Generation,
        list: &Call,
        error: &ClientError,
    ) -> Result<(), ClientError> {
        match self.call_in(capability, generation, list).await {
            Ok(_) => Err(self.about_the_sim(capability, generation, error.clone())),
            Err(failed) if suspicion(capability, list, &failed, true).is_some() => Ok(()),
            Err(failed) => Err(unknown(capability, failed)),
        }
    }

    /// The outcome when nobody is left to call: an error that says what is missing and why, or that nobody can tell.
    pub(super) async fn settle(
        &self,
        capability: Capability,
        lane: Lane,
        mut refused: Vec<Refused>,
        none: ClientError,
    ) -> ClientError {
        let mut reasons = Vec::new();
        let mut for_now = false;
        let only_one = refused.len() == 1;
        // v2 knows the SIMs of both platforms, so its word counts first.
        refused.sort_by_key(|refused| std::cmp::Reverse(refused.generation));
        for refusal in refused {
            let word = self.segment(capability, refusal.generation).to_owned();
            let what = self.why_not(&refusal);
            match self.meaning(capability, lane, refusal, only_one).await {
                Meaning::Error(error) => return error,
                Meaning::Missing => reasons.push(format!("{word} {what}")),
                Meaning::ForNow(failed) => {
                    for_now = true;
                    let then = failed.map(|failed| format!(", and then: {failed}"));
                    reasons.push(format!("{word} {what}{}", then.unwrap_or_default()));
                }
            }
        }
        match none {
            ClientError::CapabilityUnavailable { why, .. } => reasons.push(why),
            ClientError::CapabilityUnknown { why, .. } => {
                for_now = true;
                reasons.push(why);
            }
            other => {
                for_now = true;
                reasons.push(other.to_string());
            }
        }
        reasons.retain(|reason| !reason.is_empty());
        let why = reasons.join("; ");
        if for_now {
            return ClientError::CapabilityUnknown {
                capability,
                why,
                request_id: None,
            };
        }
        ClientError::CapabilityUnavailable { capability, why }
    }

    async fn meaning(&self, capability: Capability, lane: Lane, refusal: Refused, only_one: bool) -> Meaning {
        let generation = refusal.generation;
        match refusal.generation_lives {
            Ok(true) => {}
            Ok(false) => return Meaning::Missing,
            Err(failed) => return Meaning::ForNow(Some(failed)),
        }
        let published = capability.certainty() == Certainty::Certain;
        match refusal.proof {
            Proof::SimsKnown if capability == Capability::Sims => {
                return Meaning::Error(self.not_of_the_api(capability, generation, refusal.error));
            }
            Proof::SimsKnown => match self.known_sims(generation, lane, &refusal.iccids).await {
                Known::Not => {
                    return Meaning::Error(self.about_the_sim(capability, generation, refusal.error));
                }
                Known::Unclear(failed) => return Meaning::ForNow(Some(failed)),
                Known::All => {}
            },
            Proof::Sure => {}
            // The published API has it: 1NCE means this call.
            Proof::Contrast | Proof::Unreadable if only_one && published => {
                return Meaning::Error(refusal.error);
            }
            // Without the contrast it may be a right that the account lacks for this call alone.
            Proof::Contrast => return Meaning::Missing,
            Proof::Unreadable if self.is_proven(capability, generation) => return Meaning::ForNow(None),
            Proof::Unreadable => {}
        }
        self.learn_missing(capability, generation, refusal.proof, what(&refusal.error))
            .await;
        Meaning::Missing
    }

    /// What a generation does, for people.
    fn why_not(&self, refusal: &Refused) -> String {
        let standings = self.inner.generations.outdated();
        match standings.as_ref().map(|known| known.of(refusal.generation)) {
            Some(Standing::Gone { what, .. }) if matches!(refusal.generation_lives, Ok(false)) => {
                what.clone()
            }
            _ => what(&refusal.error),
        }
    }

    /// A 404 for one SIM while the list reads: 1NCE's own word, or something else's, which says nothing of the SIM.
    fn not_of_the_api(
        &self,
        capability: Capability,
        generation: Generation,
        error: ClientError,
    ) -> ClientError {
        match error {
            ClientError::NotFound {
                by: Teller::Foreign,
                request_id,
                ..
            } => ClientError::CapabilityUnknown {
                capability,
                why: format!(
                    "something that is not the API answers 404 in {}",
                    generation.word()
                ),
                request_id,
            },
            error => self.about_the_sim(capability, generation, error),
        }
    }

    /// Whether a generation knows all of the SIMs; asks for one after the other until one is not known.
    async fn known_sims(&self, generation: Generation, lane: Lane, iccids: &[Iccid]) -> Known {
        for iccid in iccids.iter().take(LARGEST_BULK) {
            let call = Call::of_sim(&GET, lane, *iccid, "");
            match self.call_in(Capability::Sims, generation, &call).await {
                Ok(answer) if answer.is_empty() => return Known::Not,
                Ok(_) => {}
                Err(ClientError::NotFound {
                    by: Teller::Api | Teller::Nobody,
                    ..
                }) => return Known::Not,
                Err(error) => return Known::Unclear(error),
            }
        }
        Known::All
    }

    /// A call that was refused in one generation and worked in the other says that the first lacks the path.
    pub(super) async fn learn_from_success(
        &self,
        capability: Capability,
        generation: Generation,
        refused: Vec<Refused>,
    ) {
        for refusal in refused {
            if matches!(refusal.generation_lives, Ok(true)) {
                let what = what(&refusal.error);
                self.learn_missing(capability, refusal.generation, refusal.proof, what)
                    .await;
            }
        }
        if generation == Generation::V2
            && capability.certainty() != Certainty::Certain
            && !self.inner.generations.lessons().works(capability, generation)
        {
            self.learn(
                capability,
                generation,
                true,
                "has answered".into(),
                self.inner.config.relearn_after,
            )
            .await;
        }
    }

    async fn learn_missing(
        &self,
        capability: Capability,
        generation: Generation,
        proof: Proof,
        what: String,
    ) {
        let longest = match proof {
            _ if self.is_proven(capability, generation) => LESSON_OF_THE_PUBLISHED,
            Proof::Sure | Proof::SimsKnown => Duration::MAX,
            Proof::Contrast | Proof::Unreadable => DOUBTFUL_LESSON,
        };
        let life = self.inner.config.relearn_after.min(longest);
        self.learn(capability, generation, false, what, life).await;
    }

    async fn learn(
        &self,
        capability: Capability,
        generation: Generation,
        works: bool,
        what: String,
        life: Duration,
    ) {
        // Whether SIMs can be listed and read is what a generation's standing says.
        if capability == Capability::Sims {
            return;
        }
        tracing::info!(
            ?capability,
            generation = generation.word(),
            works,
            what,
            "learnt what 1NCE offers"
        );
        let at = Utc::now();
        let lesson = Learnt {
            capability,
            generation,
            works,
            what,
            at,
            until: at + life,
        };
        self.inner.generations.learn(lesson).await;
    }
}

pub(super) fn elsewhere(capability: Capability) -> ClientError {
    ClientError::CapabilityUnknown {
        capability,
        why: "v1 does not know the SIM, and v2, which may, does not answer now".into(),
        request_id: None,
    }
}

/// What an answer says of its generation, for people.
fn what(error: &ClientError) -> String {
    match error {
        ClientError::NotFound { .. } => "has no such path (404)".into(),
        ClientError::Rejected { status, message, .. } if message.is_empty() => {
            format!("refuses it with {status}")
        }
        ClientError::Rejected { status, message, .. } => format!("refuses it with {status}: {message}"),
        ClientError::Unauthorized { .. } => "refuses it with 401, though the token is good elsewhere".into(),
        ClientError::Server { status, .. } => format!("answers it with {status}"),
        other => format!("answers it unreadably: {other}"),
    }
}
