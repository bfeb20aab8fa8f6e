use std::fmt::Display;
use std::future::Future;
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use moka::future::Cache;
use service_runtime::config::DatabaseConfig;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::seldom::Seldom;

/// How long it is remembered that a credential was good.
const GOOD_BEFORE_TTL: Duration = Duration::from_secs(3600);
const CAPACITY: u64 = 50_000;

/// The database did not answer in time, so nobody knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unanswered;

/// Looks at once for credentials that were good before, and for all others, each with a queue of its own: anybody can
/// send unknown ones. Together they leave half the pool to the work.
pub struct Turns {
    known: Arc<Semaphore>,
    unknown: Arc<Semaphore>,
    /// How long a caller waits for its turn, and then for the answer.
    patience: Duration,
    /// The server ends every statement before this; a connection that is silent for longer is dead.
    look_limit: Duration,
    complaints: Seldom,
    main: Handle,
}

impl Turns {
    /// Must be made on the main runtime, whose reactor the pool's connections belong to.
    pub fn new(pool: &DatabaseConfig) -> Self {
        let looks = || {
            let quarter = usize::try_from(pool.max_connections / 4).unwrap_or(1);
            Arc::new(Semaphore::new(quarter.max(1)))
        };
        let patience = Duration::from_millis(pool.acquire_timeout_ms);
        Self {
            known: looks(),
            unknown: looks(),
            patience,
            look_limit: patience + Duration::from_millis(pool.statement_timeout_ms),
            complaints: Seldom::default(),
            main: Handle::current(),
        }
    }

    async fn turn(&self, good_before: bool) -> Result<OwnedSemaphorePermit, Unanswered> {
        let looks = if good_before { &self.known } else { &self.unknown };
        match tokio::time::timeout(self.patience, Arc::clone(looks).acquire_owned()).await {
            Ok(Ok(turn)) => Ok(turn),
            Ok(Err(_)) | Err(_) => Err(self.unanswered(&"too many credentials at once")),
        }
    }

    /// On the main runtime. The turn ends with the look, which goes on when the caller hangs up or loses patience.
    async fn look<T, E, F>(&self, look: F, turn: OwnedSemaphorePermit) -> Result<T, Unanswered>
    where
        T: Send + 'static,
        E: Display + Send + 'static,
        F: Future<Output = Result<T, E>> + Send + 'static,
    {
        let limit = self.look_limit;
        let look = self.main.spawn(async move {
            let _turn = turn;
            tokio::time::timeout(limit, look).await
        });
        match tokio::time::timeout(self.patience, look).await {
            Ok(Ok(Ok(Ok(found)))) => Ok(found),
            Ok(Ok(Ok(Err(error)))) => Err(self.unanswered(&error)),
            Ok(Err(error)) => Err(self.unanswered(&error)),
            Ok(Ok(Err(_))) | Err(_) => Err(self.unanswered(&"the database does not answer")),
        }
    }

    fn unanswered(&self, error: &dyn Display) -> Unanswered {
        if let Some(held_back) = self.complaints.pass() {
            tracing::error!(%error, held_back, "a credential could not be looked up");
        }
        Unanswered
    }
}

/// What the database says about credentials, believed for a short time.
pub struct Lookups<K, V> {
    /// `None` is a refused credential.
    found: Cache<K, Option<Arc<V>>>,
    /// They decide which queue a credential waits in, never whether it is good.
    good_before: Cache<K, ()>,
    turns: Arc<Turns>,
}

impl<K, V> Lookups<K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Send + Sync + 'static,
{
    /// What is found is believed for `ttl`.
    pub fn new(ttl: Duration, turns: Arc<Turns>) -> Self {
        let good_before = Cache::builder()
            .max_capacity(CAPACITY)
            .time_to_live(GOOD_BEFORE_TTL);
        Self {
            found: Cache::builder().max_capacity(CAPACITY).time_to_live(ttl).build(),
            good_before: good_before.build(),
            turns,
        }
    }

    /// What is known already, without waiting for anything; `None`: nothing is.
    pub fn known(&self, key: &K) -> Option<Option<Arc<V>>> {
        self.found.get(key).now_or_never().flatten()
    }

    /// What is known; otherwise what `look` finds. Many who ask at once make one look.
    pub async fn get<E, F>(&self, key: K, look: impl FnOnce() -> F) -> Result<Option<Arc<V>>, Unanswered>
    where
        E: Display + Send + 'static,
        F: Future<Output = Result<Option<V>, E>> + Send + 'static,
    {
        if let Some(found) = self.known(&key) {
            return Ok(found);
        }
        // Few requests wait here; the others need not carry what it needs.
        Box::pin(self.find(key, look)).await
    }

    async fn find<E, F>(&self, key: K, look: impl FnOnce() -> F) -> Result<Option<Arc<V>>, Unanswered>
    where
        E: Display + Send + 'static,
        F: Future<Output = Result<Option<V>, E>> + Send + 'static,
    {
        let asked = key.clone();
        let find = async {
            let turn = self.turns.turn(self.good_before.contains_key(&asked)).await?;
            let found = self.turns.look(look(), turn).await?;
            match &found {
                Some(_) => self.good_before.insert(asked, ()).await,
                None => self.good_before.invalidate(&asked).await,
            }
            Ok(found.map(Arc::new))
        };
        let found = self.found.try_get_with(key, find).await;
        found.map_err(|refusal: Arc<Unanswered>| *refusal)
    }

    /// A credential that this process just gave away need not wait with unknown ones.
    pub async fn expect(&self, key: K) {
        self.good_before.insert(key, ()).await;
    }

    /// The next one who asks looks again.
    pub async fn forget(&self, key: &K) {
        self.found.invalidate(key).await;
    }
}
