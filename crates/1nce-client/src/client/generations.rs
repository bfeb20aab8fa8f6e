//! Which generation of the SIM API to call: asked once, kept in Redis and in the process, asked again when a
//! generation seems to be gone (FACTS §1: v1 is retired on 31 Dec 2026).

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use deadpool_redis::redis;
use reqwest::Method;
use tokio::sync::Mutex as FairMutex;

use super::OnceClient;
use super::call::{Call, Endpoint, Group};
use super::sims::LIST;
use crate::Lane;
use crate::capability::{Capabilities, Capability, Generation, Offer, Probe};
use crate::config::{ClientConfig, Generations};
use crate::error::ClientError;
use crate::redis_link::RedisLink;
use crate::retry::RetryClass;

/// A name of its own: the budget knows the usual time of each endpoint, and a page of one SIM is quicker than a hundred.
/// It does not count for the breaker, because a dying generation must not close the way to the other.
static PROBE: Endpoint = Endpoint::new(
    "GET /sims (probe)",
    Method::GET,
    Group::Sims,
    RetryClass::OnceMore,
)
.uncounted();
/// How long a generation may take to show itself; people may wait for it.
const PROBE_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a process believes what it knows before it looks into Redis again.
const PROCESS_LIFE: Duration = Duration::from_secs(300);
/// How long all processes believe an answer of 1NCE.
const SHARED_LIFE: Duration = Duration::from_secs(3_600);
/// How long all processes believe an answer when one generation could not be asked.
const HALF_KNOWN_LIFE: Duration = Duration::from_secs(60);
/// A generation that answered this recently is not suspected.
const TRUST: Duration = Duration::from_secs(10);

#[derive(Default)]
struct Known {
    /// With the time until which it is believed.
    probe: Option<(Probe, Instant)>,
    alive: [Option<Instant>; 2],
}

pub(super) struct GenerationMap {
    setting: Generations,
    link: Option<Arc<RedisLink>>,
    key: String,
    known: Mutex<Known>,
    asking: FairMutex<()>,
}

impl GenerationMap {
    pub(super) fn new(config: &ClientConfig, link: Option<Arc<RedisLink>>) -> Self {
        Self {
            setting: config.generations,
            link,
            key: config.key("generations"),
            known: Mutex::default(),
            asking: FairMutex::new(()),
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn cached(&self) -> Option<Probe> {
        let fresh = |(_, until): &(Probe, Instant)| Instant::now() < *until;
        self.known().probe.filter(fresh).map(|(probe, _)| probe)
    }

    fn keep(&self, probe: Probe, life: Duration) {
        self.known().probe = Some((probe, Instant::now() + life.min(PROCESS_LIFE)));
    }

    pub(super) fn seen_alive(&self, generation: Generation) {
        self.known().alive[generation as usize] = Some(Instant::now());
    }

    fn is_trusted(&self, generation: Generation) -> bool {
        self.known().alive[generation as usize].is_some_and(|at| at.elapsed() < TRUST)
    }

    async fn load(&self) -> Option<Probe> {
        let link = self.link.as_ref()?;
        let (json, left): (Option<String>, i64) = link
            .run(async |mut connection| {
                redis::pipe()
                    .get(&self.key)
                    .pttl(&self.key)
                    .query_async(&mut connection)
                    .await
            })
            .await
            .ok()?;
        let probe = serde_json::from_str(&json?).ok()?;
        self.keep(probe, Duration::from_millis(u64::try_from(left).unwrap_or(0)));
        Some(probe)
    }

    async fn save(&self, probe: Probe, life: Duration) {
        self.keep(probe, life);
        self.share(probe, &["EX", &life.as_secs().to_string()]).await;
    }

    /// Writes what was learnt on top of an answer, which is believed no longer for it.
    async fn amend(&self, probe: Probe) {
        if let Some((known, _)) = &mut self.known().probe {
            *known = probe;
        }
        self.share(probe, &["XX", "KEEPTTL"]).await;
    }

    async fn share(&self, probe: Probe, how: &[&str]) {
        let (Some(link), Ok(json)) = (&self.link, serde_json::to_string(&probe)) else {
            return;
        };
        let saved = link
            .run(async |mut connection| {
                redis::cmd("SET")
                    .arg(&self.key)
                    .arg(json)
                    .arg(how)
                    .query_async::<()>(&mut connection)
                    .await
            })
            .await;
        if let Err(error) = saved {
            tracing::debug!(%error, "cannot share what the 1NCE account offers");
        }
    }
}

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
                };
                all.capabilities(false)
            }
        }
    }

    pub(super) async fn offer(&self, capability: Capability, lane: Lane) -> Result<Offer, ClientError> {
        Ok(self.probe(lane).await?.offer(capability))
    }

    /// The generation for a capability, or why there is none.
    pub(super) async fn generation(
        &self,
        capability: Capability,
        lane: Lane,
    ) -> Result<Generation, ClientError> {
        match self.offer(capability, lane).await? {
            Offer::Via(generation) | Offer::Untried(generation) => Ok(generation),
            Offer::Unavailable(why) => Err(ClientError::CapabilityUnavailable { capability, why }),
        }
    }

    /// A sweep waits for the end of an outage, but not while it holds up people who ask the same.
    async fn probe(&self, lane: Lane) -> Result<Probe, ClientError> {
        loop {
            match self.try_probe().await {
                Err(ClientError::CircuitOpen { retry_in }) if lane == Lane::Background => {
                    tokio::time::sleep(retry_in).await;
                }
                Err(ClientError::BudgetTimeout { .. }) if lane == Lane::Background => {}
                result => return result,
            }
        }
    }

    async fn try_probe(&self) -> Result<Probe, ClientError> {
        let map = &self.inner.generations;
        if let Some(configured) = Probe::configured(map.setting) {
            let v2_usage = map.known().probe.and_then(|(probe, _)| probe.v2_usage);
            return Ok(Probe {
                v2_usage,
                ..configured
            });
        }
        if let Some(probe) = map.cached() {
            return Ok(probe);
        }
        let _single = map.asking.lock().await;
        if let Some(probe) = map.cached() {
            return Ok(probe);
        }
        if let Some(probe) = map.load().await {
            return Ok(probe);
        }
        self.ask().await
    }

    /// Asks both generations for one SIM, in the lane that waits for nobody: people may wait for the answer.
    async fn ask(&self) -> Result<Probe, ClientError> {
        let map = &self.inner.generations;
        let v2_usage = map.known().probe.and_then(|(probe, _)| probe.v2_usage);
        let v2 = self.sign_of_life(Generation::V2).await;
        let v1 = self.sign_of_life(Generation::V1).await;
        self.count_outage([&v2, &v1]);
        let ((v2, v1), life) = judge(v2, v1)?;
        let probe = Probe { v1, v2, v2_usage };
        tracing::info!(account = %self.account(), v1 = probe.v1, v2 = probe.v2, "asked which generations of the 1NCE API live");
        map.save(probe, life).await;
        Ok(probe)
    }

    /// Only when both generations fail is it 1NCE that fails.
    fn count_outage(&self, signs: [&Result<Sign, ClientError>; 2]) {
        let failed = |sign: &&Result<Sign, ClientError>| {
            matches!(
                sign,
                Err(ClientError::Transport { .. } | ClientError::Server { .. })
            )
        };
        if signs.iter().all(failed) {
            for _ in signs {
                if let Ok(pass) = self.inner.breaker.pass(Instant::now()) {
                    pass.failed(Instant::now());
                }
            }
        }
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
            _ => false,
        };
        if !suspicious || map.setting != Generations::Auto {
            return false;
        }
        let _single = map.asking.lock().await;
        let lives = |probe: Probe| match generation {
            Generation::V1 => probe.v1,
            Generation::V2 => probe.v2,
        };
        // Another caller may have asked while this one waited.
        if map.cached().is_some_and(|probe| !lives(probe)) {
            return true;
        }
        self.ask().await.is_ok_and(|probe| !lives(probe))
    }

    /// Remembers whether v2 has usage (FACTS §1: unconfirmed).
    pub(super) async fn learn_v2_usage(&self, works: bool) {
        let map = &self.inner.generations;
        let known = map.known().probe.map(|(probe, _)| probe);
        let probe = known.or(Probe::configured(map.setting));
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
