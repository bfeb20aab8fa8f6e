use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use secrecy::SecretString;
use subtle::ConstantTimeEq;

use super::lookup::{Lookups, Turns, Unanswered};
use super::{Caller, KeyHasher, KeyText, Permissions, Principal, UsageBook};
use crate::store::identity::keys::{ApiKeys, StoredKey};

/// Why a key or token does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Unknown, wrong, expired or revoked; the caller is not told which.
    Invalid,
    /// The database did not answer in time, so nobody knows.
    Unknown,
}

impl From<Unanswered> for Refusal {
    fn from(_: Unanswered) -> Self {
        Self::Unknown
    }
}

/// Verifies keys: one keyed hash and one look into memory; once a second per key, a look into the database. A text
/// that only looks like a key costs the hash and nothing else.
pub struct KeyVerifier {
    hasher: KeyHasher,
    keys: ApiKeys,
    book: Arc<UsageBook>,
    /// By keyed hash, so that no key is held and the place in memory tells nothing.
    known: Lookups<[u8; 32], Principal>,
}

impl KeyVerifier {
    /// `turns` are those of the pool behind `keys`.
    pub fn new(
        secret: &SecretString,
        ttl: Duration,
        turns: Arc<Turns>,
        keys: ApiKeys,
        book: Arc<UsageBook>,
    ) -> Self {
        Self {
            hasher: KeyHasher::new(secret),
            keys,
            book,
            known: Lookups::new(ttl, turns),
        }
    }

    /// The caller behind a key; counts the use.
    pub async fn verify(&self, text: &str) -> Result<Arc<Principal>, Refusal> {
        let principal = self.check(text).await?;
        if let Caller::Key { usage, .. } = &principal.caller {
            usage.note(Utc::now());
        }
        Ok(principal)
    }

    /// The same without a use.
    pub async fn check(&self, text: &str) -> Result<Arc<Principal>, Refusal> {
        let key = KeyText::parse(text).ok_or(Refusal::Invalid)?;
        let hash = self.hasher.hash(key).ok_or(Refusal::Invalid)?;
        let look = || {
            let (keys, book, prefix) = (self.keys.clone(), Arc::clone(&self.book), key.prefix().to_owned());
            async move {
                let stored = keys.find(&prefix).await?;
                Ok::<_, sea_orm::DbErr>(stored.and_then(|stored| accept(stored, &hash, Utc::now(), &book)))
            }
        };
        self.known.get(hash, look).await?.ok_or(Refusal::Invalid)
    }
}

fn accept(stored: StoredKey, hash: &[u8; 32], now: DateTime<Utc>, book: &UsageBook) -> Option<Principal> {
    let right = stored.hash.as_slice().ct_eq(hash);
    let usable = !stored.revoked && stored.expires_at.is_none_or(|end| end > now);
    (bool::from(right) && usable).then(|| Principal {
        caller: Caller::Key {
            id: stored.id,
            name: stored.name,
            usage: book.of(stored.id),
        },
        organization: stored.organization,
        permissions: Permissions::of_words(&stored.scopes),
        allowance: stored.limits.into(),
    })
}
