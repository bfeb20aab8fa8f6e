//! Which generation of the SIM API to call: asked once, kept in Redis and in the process, asked again when a
//! generation seems to be gone (FACTS §1: v1 is retired on 31 Dec 2026).

use std::time::{Duration, Instant};

use reqwest::Method;
use tokio::sync::OwnedMutexGuard;
use tokio::task::JoinHandle;
use tracing::Instrument;

use super::OnceClient;
use super::call::{Call, Endpoint, Group};
use super::generation_map::{FAILURE_PAUSE, PROCESS_LIFE, TRUST};
use super::sims::LIST;
use crate::capability::{Capabilities, Capability, Generation, Generations, Offer, Probe};
use crate::error::ClientError;
use crate::lane::Lane;
use crate::retry::RetryClass;

/// A name of its own: the budget knows the usual time of each endpoint, and a page of one SIM is quicker than a hundred.
static PROBE: Endpoint = Endpoint::new(
    "GET /sims (probe)",
    Method::GET,
    Group::Sims,
    RetryClass::OnceMore,
);
/// How long a generation may take to show itself; people may wait for it.
const PROBE_TIMEOUT: Duration = Duration::from_secs(10);

/// How long all processes believe an answer of 1NCE.
const SHARED_LIFE: Duration = Duration::from_secs(3_600);
/// How long all processes believe an answer when one generation could not be asked.
const HALF_KNOWN_LIFE: Duration = Duration::from_secs(60);

/// What a generation answers to the question whether it is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sign {
    Alive,
    Refused,
    Gone,
}

/// Which generations live (v2, v1), and how long to believe it. A generation that fails does not take the other along.
fn judge(
    v2: Result<Sign, ClientError>,
    v1: Result<Sign, ClientError>,
) -> Result<((bool, bool), Duration), ClientError> {
    let (v2, v1, life) = match (v2, v1) {
        (Ok(Sign::Alive | Sign::Refused), Err(_)) => return Ok(((true, false), HALF_KNOWN_LIFE)),
        (Err(_), Ok(Sign::Alive | Sign::Refused)) => return Ok(((false, true), HALF_KNOWN_LIFE)),
        // Neither generation alive is more likely an outage than the truth: believe it for a short time.
        (Ok(Sign::Gone), Ok(Sign::Gone)) => (Sign::Gone, Sign::Gone, TRUST),
        (v2, v1) => (v2?, v1?, SHARED_LIFE),
    };
    let lives = |sign: Sign, other: Sign| match sign {
        Sign::Alive => true,
        Sign::Refused => other != Sign::Alive,
        Sign::Gone => false,
    };
    Ok(((lives(v2, v1), lives(v1, v2)), life))
}

/// A failed question is no failure of the call that was to follow: that one was not sent.
fn unknown(capability: Capability, error: ClientError) -> ClientError {
    if error.nothing_sent() {
        return error;
    }
    ClientError::CapabilityUnknown {
        capability,
        why: error.to_string(),
        request_id: error.request_id().cloned(),
    }
}

impl OnceClient {
    pub(super) async fn capability_map(&self) -> Capabilities {
        match self.probe(Lane::Interactive).await {
            Ok(probe) => probe.capabilities(self.inner.generations.setting == Generations::Auto),
            Err(error) => {
                tracing::warn!(%error, "cannot ask 1NCE what this account offers; assuming all");
                let all = Probe {
                    v1: true,
                    v2: true,
                    v2_usage: None,
                    half_known: false,
                };
                all.capabilities(false)
            }
        }
    }

    pub(super) async fn offer(&self, capability: Capability, lane: Lane) -> Result<Offer, ClientError> {
        let probe = self.probe(lane).await;
        Ok(probe
            .map_err(|error| unknown(capability, error))?
            .offer(capability))
    }

    /// The generation for a capability, or why there is none.
    pub(super) async fn generation(
        &self,
        capability: Capability,
        lane: Lane,
    ) -> Result<Generation, ClientError> {
        let probe = self.probe(lane).await;
        let probe = probe.map_err(|error| unknown(capability, error))?;
        match probe.offer(capability) {
            Offer::Via(generation) | Offer::Untried(generation) => Ok(generation),
            Offer::Unavailable(why) if probe.half_known => Err(ClientError::CapabilityUnknown {
                capability,
                why,
                request_id: None,
            }),
            Offer::Unavailable(why) => Err(ClientError::CapabilityUnavailable { capability, why }),
        }
    }

    /// A sweep waits for the end of an outage, but not while it holds up people who ask the same.
    async fn probe(&self, lane: Lane) -> Result<Probe, ClientError> {
        loop {
            match self.try_probe(lane).await {
                Err(ClientError::CircuitOpen { retry_in }) if lane == Lane::Background => {
                    tokio::time::sleep(retry_in.max(FAILURE_PAUSE)).await;
                }
                Err(ClientError::BudgetTimeout { .. }) if lane == Lane::Background => {
                    tokio::time::sleep(FAILURE_PAUSE).await;
                }
                result => return result,
            }
        }
    }

    /// An outdated answer serves while a newer one is asked for; without one, a caller waits as long as its lane does.
    async fn try_probe(&self, lane: Lane) -> Result<Probe, ClientError> {
        let map = &self.inner.generations;
        if let Some(configured) = Probe::configured(map.setting) {
            let v2_usage = map.cached().and_then(|probe| probe.v2_usage);
            return Ok(Probe {
                v2_usage,
                ..configured
            });
        }
        if let Some(probe) = map.cached() {
            return Ok(probe);
        }
        if let Some(probe) = map.outdated() {
            if let Ok(turn) = map.asking.clone().try_lock_owned() {
                self.renew_in_task(turn, None);
            }
            return Ok(probe);
        }
        let Some(limit) = self.inner.config.lane_max_wait[lane.index()] else {
            return self.renew(None).await;
        };
        tokio::time::timeout(limit, Box::pin(self.renew(None)))
            .await
            .unwrap_or(Err(ClientError::BudgetTimeout { lane }))
    }

    /// The answer of Redis or of 1NCE, after whoever asks already.
    async fn renew(&self, doubted: Option<Generation>) -> Result<Probe, ClientError> {
        let turn = self.inner.generations.asking.clone().lock_owned().await;
        let task = self.renew_in_task(turn, doubted);
        task.await.unwrap_or_else(|error| {
            Err(ClientError::Transport {
                message: format!("the task that asks for the generations: {error}"),
                may_be_sent: false,
                request_id: None,
            })
        })
    }

    /// In a task of its own: callers that go away must neither lose the answer nor leave a failure uncounted.
    fn renew_in_task(
        &self,
        turn: OwnedMutexGuard<()>,
        doubted: Option<Generation>,
    ) -> JoinHandle<Result<Probe, ClientError>> {
        let client = self.clone();
        let work = async move {
            let answer = client.renewed(doubted).await;
            drop(turn);
            answer
        };
        tokio::spawn(work.in_current_span())
    }

    async fn renewed(&self, doubted: Option<Generation>) -> Result<Probe, ClientError> {
        let map = &self.inner.generations;
        // Another caller may have asked while this one waited.
        let known = map.cached();
        if let Some(probe) = known.filter(|probe| doubted.is_none_or(|doubted| !probe.lives(doubted))) {
            return Ok(probe);
        }
        // Breakers that hold both generations back answer at once and tell for how long.
        let held_back = [Generation::V1, Generation::V2].into_iter().all(|generation| {
            let breaker = self.inner.breakers.sims(generation.word());
            breaker.wait(Instant::now()).is_some()
        });
        if let Some(error) = map.failed_just_now().filter(|_| !held_back) {
            return Err(error);
        }
        if doubted.is_none()
            && let Some(probe) = map.load().await
        {
            return Ok(probe);
        }
        let answer = self.ask().await;
        if let Err(error) = &answer {
            map.known().failure = Some((error.clone(), Instant::now() + FAILURE_PAUSE));
        }
        answer
    }

    /// Asks both generations for one SIM, in the lane that waits for nobody: people may wait for the answer.
    async fn ask(&self) -> Result<Probe, ClientError> {
        let map = &self.inner.generations;
        // What v2 lacks today it may have tomorrow; what it had is tried again, and the call tells.
        let v2_usage = map.known().probe.and_then(|(probe, _)| probe.v2_usage);
        let v2_usage = v2_usage.filter(|works| *works);
        let (v2, v1) = tokio::join!(
            self.sign_of_life(Generation::V2),
            self.sign_of_life(Generation::V1)
        );
        let half_known = v2.is_err() || v1.is_err();
        let ((v2, v1), life) = judge(v2, v1)?;
        let probe = Probe {
            v1,
            v2,
            v2_usage,
            half_known,
        };
        tracing::info!(account = %self.account(), v1, v2, half_known, "asked which generations of the 1NCE API live");
        map.save(probe, life).await;
        Ok(probe)
    }

    async fn sign_of_life(&self, generation: Generation) -> Result<Sign, ClientError> {
        let mut call = Call::new(&PROBE, Lane::Interactive, "/sims")
            .query("page", 1)
            .query("pageSize", 1);
        call.timeout = Some(PROBE_TIMEOUT.min(self.inner.config.call_timeout));
        match self.call(generation.word(), &call).await {
            Ok(_) => {
                self.inner.generations.seen_alive(generation);
                Ok(Sign::Alive)
            }
            Err(ClientError::NotFound { .. } | ClientError::Rejected { status: 410, .. }) => Ok(Sign::Gone),
            // The edge answers 403 where it knows no route, and also where the account lacks a right.
            Err(ClientError::Rejected { status: 403, .. }) => Ok(Sign::Refused),
            // Refused for another reason: the generation is there, and the real call will say what is wrong.
            Err(ClientError::Rejected { .. } | ClientError::Expired { .. }) => Ok(Sign::Alive),
            Err(error) => Err(error),
        }
    }

    /// Whether a failed call means that its generation is gone; asks 1NCE when that is possible.
    pub(super) async fn is_retired(&self, generation: Generation, error: &ClientError) -> bool {
        let map = &self.inner.generations;
        let suspicious = match error {
            ClientError::Rejected { status: 410, .. } => true,
            // The list is never "not found"; a single SIM may be.
            ClientError::NotFound { endpoint, .. } => *endpoint == LIST.name || !map.is_trusted(generation),
            // The edge answers 403 where it knows no route; it may also be a right that the account lacks.
            ClientError::Rejected { status: 403, .. } => !map.is_trusted(generation),
            _ => false,
        };
        suspicious
            && map.setting == Generations::Auto
            && self
                .renew(Some(generation))
                .await
                .is_ok_and(|probe| !probe.lives(generation))
    }

    /// Remembers whether v2 has usage (FACTS §1: unconfirmed).
    pub(super) async fn learn_v2_usage(&self, works: bool) {
        let map = &self.inner.generations;
        let probe = map.cached().or(Probe::configured(map.setting));
        if let Some(probe) = probe.filter(|probe| probe.v2_usage != Some(works)) {
            let learnt = Probe {
                v2_usage: Some(works),
                ..probe
            };
            if map.setting == Generations::Auto {
                map.amend(learnt).await;
            } else {
                // A configured answer is nobody else's business.
                map.keep(learnt, PROCESS_LIFE);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::generation_map::GenerationMap;
    use crate::config::ClientConfig;

    fn failed() -> Result<Sign, ClientError> {
        Err(ClientError::Server {
            status: 503,
            message: String::new(),
            request_id: None,
        })
    }

    #[test]
    fn the_living_generation_is_used_whatever_the_other_answers() {
        let lives = |v2, v1| judge(v2, v1).ok().map(|(lives, life)| (lives, life.as_secs()));
        let both = [(Sign::Gone, 3_600), (Sign::Refused, 3_600)];
        for (dead, life) in both {
            assert_eq!(lives(Ok(Sign::Alive), Ok(dead)), Some(((true, false), life)));
            assert_eq!(lives(Ok(dead), Ok(Sign::Alive)), Some(((false, true), life)));
        }
        for alive in [Sign::Alive, Sign::Refused] {
            assert_eq!(lives(Ok(alive), failed()), Some(((true, false), 60)));
            assert_eq!(lives(failed(), Ok(alive)), Some(((false, true), 60)));
        }
        // An account that lacks the right in both is told so by the real call.
        assert_eq!(
            lives(Ok(Sign::Refused), Ok(Sign::Refused)),
            Some(((true, true), 3_600))
        );
        assert_eq!(lives(Ok(Sign::Gone), Ok(Sign::Gone)), Some(((false, false), 10)));
        assert_eq!(lives(Ok(Sign::Gone), failed()), None);
        assert_eq!(lives(failed(), failed()), None);
    }

    #[test]
    fn a_process_believes_an_answer_no_longer_than_all_do() {
        let account = domain::AccountSlug::parse("main").unwrap();
        let config = ClientConfig::new(account, "http://127.0.0.1:1", "id", "secret".into());
        let map = GenerationMap::new(&config, None);
        let probe = Probe {
            v1: false,
            v2: true,
            v2_usage: None,
            half_known: false,
        };
        map.keep(probe, HALF_KNOWN_LIFE);
        let until = map.known().probe.map(|(_, until)| until);
        assert!(until.is_some_and(|until| until <= Instant::now() + HALF_KNOWN_LIFE));
        map.keep(probe, Duration::ZERO);
        assert!(map.cached().is_none());
    }

    #[test]
    fn a_page_of_one_sim_does_not_make_a_page_of_a_hundred_look_late() {
        assert_ne!(PROBE.name, LIST.name);
    }
}
