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

static PROBE: Endpoint = Endpoint::sims_get("GET /sims");

/// How long a process believes what it knows before it looks into Redis again.
const PROCESS_LIFE: Duration = Duration::from_secs(300);
/// How long all processes believe an answer of 1NCE.
const SHARED_LIFE: Duration = Duration::from_secs(3_600);
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

    async fn save(&self, probe: Probe) {
        self.known().probe = Some((probe, Instant::now()));
        let (Some(link), Ok(json)) = (&self.link, serde_json::to_string(&probe)) else {
            return;
        };
        // Neither generation alive is more likely an outage than the truth: believe it for a short time.
        let life = if probe.v1 || probe.v2 { SHARED_LIFE } else { TRUST };
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

impl OnceClient {
    pub(super) async fn capability_map(&self, lane: Lane) -> Capabilities {
        match self.probe(lane).await {
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
        make: &impl Fn(Generation) -> Call,
    ) -> Result<Generation, ClientError> {
        let lane = make(Generation::V2).lane;
        match self.offer(capability, lane).await? {
            Offer::Via(generation) | Offer::Untried(generation) => Ok(generation),
            Offer::Unavailable(why) => Err(ClientError::CapabilityUnavailable { capability, why }),
        }
    }

    async fn probe(&self, lane: Lane) -> Result<Probe, ClientError> {
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
        self.ask(lane).await
    }

    /// Asks both generations for one SIM.
    async fn ask(&self, lane: Lane) -> Result<Probe, ClientError> {
        let map = &self.inner.generations;
        let v2_usage = map.known().probe.and_then(|(probe, _)| probe.v2_usage);
        let probe = Probe {
            v2: self.is_alive(Generation::V2, lane).await?,
            v1: self.is_alive(Generation::V1, lane).await?,
            v2_usage,
        };
        tracing::info!(account = %self.account(), v1 = probe.v1, v2 = probe.v2, "asked which generations of the 1NCE API live");
        map.save(probe).await;
        Ok(probe)
    }

    async fn is_alive(&self, generation: Generation, lane: Lane) -> Result<bool, ClientError> {
        let call = Call::new(&PROBE, lane, "/sims")
            .query("page", 1)
            .query("pageSize", 1);
        match self.call(generation.word(), &call).await {
            Ok(_) => {
                self.inner.generations.seen_alive(generation);
                Ok(true)
            }
            Err(ClientError::NotFound { .. } | ClientError::Rejected { status: 410, .. }) => Ok(false),
            // Refused for another reason: the generation is there, and the real call will say what is wrong.
            Err(ClientError::Rejected { .. } | ClientError::Expired { .. }) => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// Whether a failed call means that its generation is gone; asks 1NCE when that is possible.
    pub(super) async fn is_retired(&self, generation: Generation, lane: Lane, error: &ClientError) -> bool {
        let map = &self.inner.generations;
        let suspicious = match error {
            ClientError::Rejected { status: 410, .. } => true,
            // The list is never "not found"; a single SIM may be.
            ClientError::NotFound { endpoint, .. } => *endpoint == PROBE.name || !map.is_trusted(generation),
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
        self.ask(lane).await.is_ok_and(|probe| !lives(probe))
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
                map.save(learnt).await;
            } else {
                // A configured answer is nobody else's business.
                map.known().probe = Some((learnt, Instant::now()));
            }
        }
    }
}
