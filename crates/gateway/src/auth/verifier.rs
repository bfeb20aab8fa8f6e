use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::OrganizationId;
use messages::pb::common::{Actor, Scope};
use moka::future::Cache;
use secrecy::SecretString;
use service_runtime::config::DatabaseConfig;
use subtle::ConstantTimeEq;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use uuid::Uuid;

use super::{KeyHasher, KeyText, KeyUsage, Permission, Permissions, UsageBook};
use crate::limits::RateLimits;
use crate::seldom::Seldom;
use crate::store::api_keys::{ApiKeys, StoredKey};

/// A caller whose key was verified.
#[derive(Debug)]
pub struct Principal {
    pub key_id: Uuid,
    /// `None`: the whole platform.
    pub organization: Option<OrganizationId>,
    permissions: Permissions,
    limits: RateLimits,
    usage: Arc<KeyUsage>,
}

impl Principal {
    pub fn may(&self, permission: Permission) -> bool {
        self.permissions.allow(permission)
    }

    /// Whether data of this organization is the caller's to see.
    pub fn sees(&self, organization: OrganizationId) -> bool {
        self.organization.is_none_or(|own| own == organization)
    }

    /// Whose data a request of this caller may touch.
    pub fn scope(&self) -> Scope {
        Scope {
            organization_id: self.organization.map(|id| id.to_string()).unwrap_or_default(),
        }
    }

    /// Whose requests are counted together, and how many there may be.
    pub fn rate(&self) -> (Uuid, RateLimits) {
        (self.key_id, self.limits)
    }

    pub fn actor(&self) -> Actor {
        Actor {
            kind: "api_key".to_owned(),
            id: self.key_id.to_string(),
        }
    }
}

/// Why a key does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyRefusal {
    /// Unknown, wrong, expired or revoked; the caller is not told which.
    Invalid,
    /// The database did not answer in time, so nobody knows.
    Unknown,
}

/// Verifies keys: one keyed hash and one look into memory; once a second per key, a look into the database. A text
/// that only looks like a key costs the hash and nothing else.
pub struct KeyVerifier {
    hasher: KeyHasher,
    keys: ApiKeys,
    book: Arc<UsageBook>,
    /// By keyed hash, so that no key is held and the place in memory tells nothing; `None` is a refused key.
    verified: Cache<[u8; 32], Option<Arc<Principal>>>,
    /// Hashes whose key was good the last time. They decide which queue a key waits in, never whether it is good.
    good_before: Cache<[u8; 32], ()>,
    /// Looks at once for keys that were good before, and for all others, each with a queue of its own: anybody can
    /// send unknown keys. Together they leave half the pool to the work.
    known_looks: Arc<Semaphore>,
    unknown_looks: Arc<Semaphore>,
    /// How long a caller waits for its turn, and then for the answer.
    patience: Duration,
    /// The server ends every statement before this; a connection that is silent for longer is dead.
    look_limit: Duration,
    complaints: Seldom,
    main: Handle,
}

/// How long it is remembered that a key was good.
const GOOD_BEFORE_TTL: Duration = Duration::from_secs(3600);

impl KeyVerifier {
    /// `pool` describes the pool behind `keys`.
    pub fn new(
        secret: &SecretString,
        ttl: Duration,
        pool: &DatabaseConfig,
        keys: ApiKeys,
        book: Arc<UsageBook>,
    ) -> Self {
        let looks = || {
            let quarter = usize::try_from(pool.max_connections / 4).unwrap_or(1);
            Arc::new(Semaphore::new(quarter.max(1)))
        };
        let patience = Duration::from_millis(pool.acquire_timeout_ms);
        let good_before = Cache::builder()
            .max_capacity(50_000)
            .time_to_live(GOOD_BEFORE_TTL);
        Self {
            hasher: KeyHasher::new(secret),
            keys,
            book,
            verified: Cache::builder().max_capacity(50_000).time_to_live(ttl).build(),
            good_before: good_before.build(),
            known_looks: looks(),
            unknown_looks: looks(),
            patience,
            look_limit: patience + Duration::from_millis(pool.statement_timeout_ms),
            complaints: Seldom::default(),
            main: Handle::current(),
        }
    }

    /// The caller behind a key; counts the use.
    pub async fn verify(&self, text: &str) -> Result<Arc<Principal>, KeyRefusal> {
        let principal = self.check(text).await?;
        principal.usage.note(Utc::now());
        Ok(principal)
    }

    /// The same without a use.
    pub async fn check(&self, text: &str) -> Result<Arc<Principal>, KeyRefusal> {
        let key = KeyText::parse(text).ok_or(KeyRefusal::Invalid)?;
        let hash = self.hasher.hash(key).ok_or(KeyRefusal::Invalid)?;
        let found = match self.verified.get(&hash).await {
            Some(found) => found,
            None => self.look_up(key, hash).await?,
        };
        found.ok_or(KeyRefusal::Invalid)
    }

    async fn look_up(&self, key: KeyText<'_>, hash: [u8; 32]) -> Result<Option<Arc<Principal>>, KeyRefusal> {
        let prefix = key.prefix().to_owned();
        let find = async move {
            let turn = self.turn(&hash).await?;
            let stored = self.stored(prefix, turn).await?;
            let accepted = stored.and_then(|stored| self.accept(stored, &hash, Utc::now()));
            match &accepted {
                Some(_) => self.good_before.insert(hash, ()).await,
                None => self.good_before.invalidate(&hash).await,
            }
            Ok(accepted)
        };
        self.verified
            .try_get_with(hash, find)
            .await
            .map_err(|refusal: Arc<KeyRefusal>| *refusal)
    }

    async fn turn(&self, hash: &[u8; 32]) -> Result<OwnedSemaphorePermit, KeyRefusal> {
        let looks = match self.good_before.get(hash).await {
            Some(()) => &self.known_looks,
            None => &self.unknown_looks,
        };
        let turn = Arc::clone(looks).acquire_owned();
        match tokio::time::timeout(self.patience, turn).await {
            Ok(Ok(turn)) => Ok(turn),
            Ok(Err(_)) | Err(_) => Err(self.unknown(&"too many keys at once")),
        }
    }

    /// On the main runtime, whose reactor the pool's connections belong to. The turn ends with the look, which goes
    /// on when the caller hangs up or loses patience.
    async fn stored(
        &self,
        prefix: String,
        turn: OwnedSemaphorePermit,
    ) -> Result<Option<StoredKey>, KeyRefusal> {
        let (keys, limit) = (self.keys.clone(), self.look_limit);
        let look = self.main.spawn(async move {
            let _turn = turn;
            tokio::time::timeout(limit, keys.find(&prefix)).await
        });
        match tokio::time::timeout(self.patience, look).await {
            Ok(Ok(Ok(Ok(stored)))) => Ok(stored),
            Ok(Ok(Ok(Err(error)))) => Err(self.unknown(&error)),
            Ok(Err(error)) => Err(self.unknown(&error)),
            Ok(Ok(Err(_))) | Err(_) => Err(self.unknown(&"the database does not answer")),
        }
    }

    fn unknown(&self, error: &dyn std::fmt::Display) -> KeyRefusal {
        if let Some(held_back) = self.complaints.pass() {
            tracing::error!(%error, held_back, "an API key could not be looked up");
        }
        KeyRefusal::Unknown
    }

    fn accept(&self, stored: StoredKey, hash: &[u8; 32], now: DateTime<Utc>) -> Option<Arc<Principal>> {
        let right = stored.hash.as_slice().ct_eq(hash);
        let usable = !stored.revoked && stored.expires_at.is_none_or(|end| end > now);
        (bool::from(right) && usable).then(|| {
            Arc::new(Principal {
                key_id: stored.id,
                organization: stored.organization,
                permissions: Permissions::of_words(&stored.scopes),
                limits: stored.limits,
                usage: self.book.of(stored.id),
            })
        })
    }
}
