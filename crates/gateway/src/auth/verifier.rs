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
use crate::store::api_keys::{ApiKeys, StoredKey};

/// A caller whose key was verified.
#[derive(Debug)]
pub struct Principal {
    pub key_id: Uuid,
    /// `None`: the whole platform.
    pub organization: Option<OrganizationId>,
    permissions: Permissions,
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

/// Verifies keys: one keyed hash and one look into memory; once a second per key, a look into the database.
pub struct KeyVerifier {
    hasher: KeyHasher,
    keys: ApiKeys,
    book: Arc<UsageBook>,
    /// By keyed hash, so that no key is held and the place in memory tells nothing; `None` is a refused key.
    verified: Cache<[u8; 32], Option<Arc<Principal>>>,
    /// As many looks at once as leave half the pool to requests whose key is good: anybody can send unknown keys.
    looks: Arc<Semaphore>,
    patience: Duration,
    main: Handle,
}

impl KeyVerifier {
    /// `pool` describes the pool behind `keys`.
    pub fn new(
        secret: &SecretString,
        ttl: Duration,
        pool: &DatabaseConfig,
        keys: ApiKeys,
        book: Arc<UsageBook>,
    ) -> Self {
        let looks = usize::try_from(pool.max_connections / 2).unwrap_or(1).max(1);
        Self {
            hasher: KeyHasher::new(secret),
            keys,
            book,
            verified: Cache::builder().max_capacity(50_000).time_to_live(ttl).build(),
            looks: Arc::new(Semaphore::new(looks)),
            patience: Duration::from_millis(pool.acquire_timeout_ms),
            main: Handle::current(),
        }
    }

    /// The caller behind a key; counts the use.
    pub async fn verify(&self, text: &str) -> Result<Arc<Principal>, KeyRefusal> {
        let key = KeyText::parse(text).ok_or(KeyRefusal::Invalid)?;
        let hash = self.hasher.hash(key);
        let found = match self.verified.get(&hash).await {
            Some(found) => found,
            None => self.look_up(key, hash).await?,
        };
        let principal = found.ok_or(KeyRefusal::Invalid)?;
        principal.usage.note(Utc::now());
        Ok(principal)
    }

    async fn look_up(&self, key: KeyText<'_>, hash: [u8; 32]) -> Result<Option<Arc<Principal>>, KeyRefusal> {
        let prefix = key.prefix().to_owned();
        let keys = self.keys.clone();
        let find = async move {
            let turn = self.turn().await?;
            // On the main runtime, whose reactor the pool's connections belong to. The turn ends with the look,
            // which goes on when the client hangs up.
            let look = async move {
                let _turn = turn;
                keys.find(&prefix).await
            };
            let stored = self.main.spawn(look).await;
            match stored {
                Ok(Ok(stored)) => Ok(stored.and_then(|stored| self.accept(stored, &hash, Utc::now()))),
                Ok(Err(error)) => {
                    tracing::error!(%error, "an API key could not be looked up");
                    Err(KeyRefusal::Unknown)
                }
                Err(error) => {
                    tracing::error!(%error, "an API key could not be looked up");
                    Err(KeyRefusal::Unknown)
                }
            }
        };
        self.verified
            .try_get_with(hash, find)
            .await
            .map_err(|refusal| *refusal)
    }

    async fn turn(&self) -> Result<OwnedSemaphorePermit, KeyRefusal> {
        let turn = Arc::clone(&self.looks).acquire_owned();
        match tokio::time::timeout(self.patience, turn).await {
            Ok(Ok(turn)) => Ok(turn),
            Ok(Err(_)) | Err(_) => {
                tracing::warn!("an API key could not be looked up: too many unknown keys at once");
                Err(KeyRefusal::Unknown)
            }
        }
    }

    fn accept(&self, stored: StoredKey, hash: &[u8; 32], now: DateTime<Utc>) -> Option<Arc<Principal>> {
        let right = stored.hash.as_slice().ct_eq(hash);
        let usable = !stored.revoked && stored.expires_at.is_none_or(|end| end > now);
        (bool::from(right) && usable).then(|| {
            Arc::new(Principal {
                key_id: stored.id,
                organization: stored.organization,
                permissions: Permissions::of_words(&stored.scopes),
                usage: self.book.of(stored.id),
            })
        })
    }
}
