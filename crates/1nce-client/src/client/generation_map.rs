//! What this process knows about its account's API, and where all processes keep it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use deadpool_redis::redis;
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex as FairMutex;

use crate::capability::Generations;
use crate::config::ClientConfig;
use crate::error::ClientError;
use crate::known::{Lessons, Standings};
use crate::readiness::Learnt;
use crate::redis_link::RedisLink;

/// How long a process believes what it knows before it looks into Redis again.
const PROCESS_LIFE: Duration = Duration::from_secs(300);
/// How long a failed question is answered from memory.
pub(super) const FAILURE_PAUSE: Duration = Duration::from_millis(500);

/// What all processes share.
#[derive(Serialize, Deserialize)]
struct Shared {
    #[serde(flatten)]
    standings: Standings,
    #[serde(default)]
    learnt: Lessons,
}

#[derive(Default)]
pub(super) struct Known {
    /// With the time until which they are believed.
    pub standings: Option<(Standings, Instant)>,
    pub lessons: Lessons,
    pub failure: Option<(ClientError, Instant)>,
    /// When 1NCE was asked for what is known now.
    pub asked: Option<Instant>,
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

    pub(super) fn lessons(&self) -> Lessons {
        self.known().lessons.clone()
    }

    pub(super) fn cached(&self) -> Option<Standings> {
        let fresh = |(_, until): &&(Standings, Instant)| Instant::now() < *until;
        let known = self.known();
        known
            .standings
            .as_ref()
            .filter(fresh)
            .map(|(standings, _)| standings.clone())
    }

    /// What was known last, however long ago.
    pub(super) fn outdated(&self) -> Option<Standings> {
        let known = self.known();
        known.standings.as_ref().map(|(standings, _)| standings.clone())
    }

    /// What was asked of 1NCE after `since`, if it is still believed.
    pub(super) fn asked_since(&self, since: Instant) -> Option<Standings> {
        let asked = self.known().asked.is_some_and(|asked| asked >= since);
        asked.then(|| self.cached()).flatten()
    }

    pub(super) fn failed_just_now(&self) -> Option<ClientError> {
        let known = self.known();
        let (error, until) = known.failure.as_ref()?;
        (Instant::now() < *until).then(|| error.clone())
    }

    pub(super) fn keep(&self, standings: Standings, life: Duration) {
        let mut known = self.known();
        known.standings = Some((standings, Instant::now() + life.min(PROCESS_LIFE)));
        known.failure = None;
    }

    async fn shared(&self) -> Option<(Shared, Duration)> {
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
        let left = Duration::from_millis(u64::try_from(left).unwrap_or(0));
        Some((serde_json::from_str(&json?).ok()?, left))
    }

    pub(super) async fn load(&self) -> Option<Standings> {
        let (shared, left) = self.shared().await?;
        self.known().lessons.merge(shared.learnt);
        self.keep(shared.standings.clone(), left);
        Some(shared.standings)
    }

    /// Keeps what 1NCE answered to a question that was asked at `asked`, for all processes.
    pub(super) async fn save(&self, standings: Standings, life: Duration, asked: Instant) {
        self.keep(standings.clone(), life);
        self.known().asked = Some(asked);
        self.share(standings, &["EX", &life.as_secs().max(1).to_string()])
            .await;
    }

    /// Keeps a lesson; for all processes when 1NCE itself is asked what lives: a configured answer is nobody else's
    /// business.
    pub(super) async fn learn(&self, lesson: Learnt) {
        self.known().lessons.add(lesson);
        let standings = self.outdated();
        if let Some(standings) = standings.filter(|_| self.setting == Generations::Auto) {
            self.share(standings, &["XX", "KEEPTTL"]).await;
        }
    }

    /// Writes what is known together with what others have learnt meanwhile.
    async fn share(&self, standings: Standings, how: &[&str]) {
        if let Some((others, _)) = self.shared().await {
            self.known().lessons.merge(others.learnt);
        }
        let shared = Shared {
            standings,
            learnt: self.lessons(),
        };
        let (Some(link), Ok(json)) = (&self.link, serde_json::to_string(&shared)) else {
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
