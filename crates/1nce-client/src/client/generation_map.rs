//! What this process knows about the generations, and where all processes keep it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use deadpool_redis::redis;
use tokio::sync::Mutex as FairMutex;

use crate::capability::{Generation, Generations, Probe};
use crate::config::ClientConfig;
use crate::error::ClientError;
use crate::redis_link::RedisLink;

/// How long a process believes what it knows before it looks into Redis again.
pub(super) const PROCESS_LIFE: Duration = Duration::from_secs(300);
/// A generation that answered this recently is not suspected.
pub(super) const TRUST: Duration = Duration::from_secs(10);
/// How long a failed question is answered from memory.
pub(super) const FAILURE_PAUSE: Duration = Duration::from_millis(500);

#[derive(Default)]
pub(super) struct Known {
    /// With the time until which it is believed.
    pub probe: Option<(Probe, Instant)>,
    pub failure: Option<(ClientError, Instant)>,
    alive: [Option<Instant>; 2],
}

pub(in crate::client) struct GenerationMap {
    pub(super) setting: Generations,
    link: Option<Arc<RedisLink>>,
    key: String,
    known: Mutex<Known>,
    pub(super) asking: Arc<FairMutex<()>>,
}

impl GenerationMap {
    pub(in crate::client) fn new(config: &ClientConfig, link: Option<Arc<RedisLink>>) -> Self {
        Self {
            setting: config.generations,
            link,
            key: config.key("generations"),
            known: Mutex::default(),
            asking: Arc::default(),
        }
    }

    pub(super) fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn cached(&self) -> Option<Probe> {
        let fresh = |(_, until): &(Probe, Instant)| Instant::now() < *until;
        self.known().probe.filter(fresh).map(|(probe, _)| probe)
    }

    /// What was known last, however long ago, when it names a generation to call.
    pub(super) fn outdated(&self) -> Option<Probe> {
        let probe = self.known().probe.map(|(probe, _)| probe);
        probe.filter(|probe| probe.v1 || probe.v2)
    }

    pub(super) fn failed_just_now(&self) -> Option<ClientError> {
        let known = self.known();
        let (error, until) = known.failure.as_ref()?;
        (Instant::now() < *until).then(|| error.clone())
    }

    pub(super) fn keep(&self, probe: Probe, life: Duration) {
        let mut known = self.known();
        known.probe = Some((probe, Instant::now() + life.min(PROCESS_LIFE)));
        known.failure = None;
    }

    pub(in crate::client) fn seen_alive(&self, generation: Generation) {
        self.known().alive[generation as usize] = Some(Instant::now());
    }

    pub(super) fn is_trusted(&self, generation: Generation) -> bool {
        self.known().alive[generation as usize].is_some_and(|at| at.elapsed() < TRUST)
    }

    pub(super) async fn load(&self) -> Option<Probe> {
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

    pub(super) async fn save(&self, probe: Probe, life: Duration) {
        self.keep(probe, life);
        self.share(probe, &["EX", &life.as_secs().to_string()]).await;
    }

    /// Writes what was learnt on top of an answer, which is believed no longer for it.
    pub(super) async fn amend(&self, probe: Probe) {
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
