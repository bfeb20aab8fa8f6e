//! Which generation of the SIM API to call: asked once, kept in Redis and in the process, asked again when a
//! generation seems to be gone (FACTS §1: v1 is retired on 31 Dec 2026).

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use deadpool_redis::redis;
use tokio::sync::Mutex as FairMutex;

use super::OnceClient;
use super::call::{Call, Endpoint};
use crate::Lane;
use crate::capability::{Capabilities, Capability, Generation, Offer, Probe};
use crate::config::{ClientConfig, Generations};
use crate::error::ClientError;
use crate::redis_link::RedisLink;

/// A name of its own: the budget knows the usual time of each endpoint, and a page of one SIM is quicker than a hundred.
static PROBE: Endpoint = Endpoint::sims_get("GET /sims (probe)");
/// The name of the list, which is never "not found".
const LIST: &str = "GET /sims";

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
        let fresh = |(_, at): &(Probe, Instant)| at.elapsed() < PROCESS_LIFE;
        self.known().probe.filter(fresh).map(|(probe, _)| probe)
    }

    pub(super) fn seen_alive(&self, generation: Generation) {
        self.known().alive[generation as usize] = Some(Instant::now());
    }

    fn is_trusted(&self, generation: Generation) -> bool {
        self.known().alive[generation as usize].is_some_and(|at| at.elapsed() < TRUST)
    }

    async fn load(&self) -> Option<Probe> {
        let link = self.link.as_ref()?;
        let json: Option<String> = link
            .run(async |mut connection| {
                redis::cmd("GET")
                    .arg(&self.key)
                    .query_async(&mut connection)
                    .await
            })
            .await
            .ok()?;
        let probe = serde_json::from_str(&json?).ok()?;
        self.known().probe = Some((probe, Instant::now()));
        Some(probe)
    }

    async fn save(&self, probe: Probe, life: Duration) {
        self.known().probe = Some((probe, Instant::now()));
        let (Some(link), Ok(json)) = (&self.link, serde_json::to_string(&probe)) else {
            return;
        };
        let saved = link
            .run(async |mut connection| {
                redis::cmd("SET")
                    .arg(&self.key)
                    .arg(json)
                    .arg("EX")
                    .arg(life.as_secs())
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
        (Ok(Sign::Alive), Err(_)) => return Ok(((true, false), HALF_KNOWN_LIFE)),
        (Err(_), Ok(Sign::Alive)) => return Ok(((false, true), HALF_KNOWN_LIFE)),
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
        match self.probe().await {
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

    pub(super) async fn offer(&self, capability: Capability) -> Result<Offer, ClientError> {
        Ok(self.probe().await?.offer(capability))
    }

    /// The generation for a capability, or why there is none.
    pub(super) async fn generation(&self, capability: Capability) -> Result<Generation, ClientError> {
        match self.offer(capability).await? {
            Offer::Via(generation) | Offer::Untried(generation) => Ok(generation),
            Offer::Unavailable(why) => Err(ClientError::CapabilityUnavailable { capability, why }),
        }
    }

    async fn probe(&self) -> Result<Probe, ClientError> {
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
        let ((v2, v1), life) = judge(v2, v1)?;
        let probe = Probe { v1, v2, v2_usage };
        tracing::info!(account = %self.account(), v1 = probe.v1, v2 = probe.v2, "asked which generations of the 1NCE API live");
        map.save(probe, life).await;
        Ok(probe)
    }

    async fn sign_of_life(&self, generation: Generation) -> Result<Sign, ClientError> {
        let call = Call::new(&PROBE, Lane::Interactive, "/sims")
            .query("page", 1)
            .query("pageSize", 1);
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
            ClientError::NotFound { endpoint, .. } => *endpoint == LIST || !map.is_trusted(generation),
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
                map.save(learnt, SHARED_LIFE).await;
            } else {
                // A configured answer is nobody else's business.
                map.known().probe = Some((learnt, Instant::now()));
            }
        }
    }
}
