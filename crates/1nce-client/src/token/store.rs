//! The token in Redis. Every failure means "go on without it": the process cache alone is enough to work.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use deadpool_redis::redis::{self, Script};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::bearer::Token;
use super::cached::Cached;
use crate::error::{LoginFailure, RequestId};
use crate::redis_link::{LinkError, RedisLink};

/// A token that another process has fetched.
pub(super) struct SharedToken {
    pub token: Token,
    pub left: Duration,
    pub lifetime: Duration,
}

/// What Redis says to a process that needs a token.
pub(super) enum Lookup {
    /// Here is one.
    Token(SharedToken),
    /// 1NCE refused these credentials a moment ago.
    Refused(LoginFailure),
    /// You hold the lock: fetch it.
    Yours,
    /// Another process is fetching it.
    Busy,
    /// Redis cannot be used.
    Lost,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    token: String,
    /// The longest lifetime seen for this token, in seconds.
    lifetime: u64,
}

impl Stored {
    fn with_left(self, left: Duration) -> SharedToken {
        SharedToken {
            token: Token::new(self.token),
            left,
            lifetime: Duration::from_secs(self.lifetime),
        }
    }
}

#[derive(Serialize, Deserialize)]
struct StoredRefusal {
    status: Option<u16>,
    code: Option<String>,
    message: String,
    request_id: Option<String>,
}

/// Token, its milliseconds left, refusal; takes the lock when there is neither.
const LOOK: &str = r"
local token, left = redis.call('GET', KEYS[1]), redis.call('PTTL', KEYS[1])
if token and left > tonumber(ARGV[1]) then return {'token', token, left} end
local refused = redis.call('GET', KEYS[3])
if refused then return {'refused', refused, 0} end
if redis.call('SET', KEYS[2], ARGV[2], 'NX', 'PX', ARGV[3]) then return {'yours', '', 0} end
return {'busy', '', 0}
";

/// Deletes the key when it still holds what the caller means: a token object or the lock's owner.
const FORGET: &str = r"
local value = redis.call('GET', KEYS[1])
if value and (value == ARGV[1] or (ARGV[2] == 'token' and cjson.decode(value).token == ARGV[1])) then
  return redis.call('DEL', KEYS[1])
end
return 0
";

/// Renews the lock of its owner.
const EXTEND: &str = r"
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return 0
";

/// The lock is renewed while its owner fetches; that of a killed process stands in the way no longer than this.
const LOCK_LIFE: Duration = Duration::from_secs(3);

pub(super) struct TokenStore {
    link: Arc<RedisLink>,
    key: String,
    lock: String,
    refused: String,
    early: String,
    owner: String,
    look: Script,
    forget: Script,
    extend: Script,
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX).max(1)
}

fn lost<T>(result: Result<T, LinkError>) -> Option<T> {
    result
        .inspect_err(|error| tracing::debug!(%error, "the token store does without Redis"))
        .ok()
}

impl TokenStore {
    /// A refusal concerns this secret alone: a process with an old one must not hold the others off.
    pub(super) fn new(link: Arc<RedisLink>, key: String, secret: &SecretString) -> Self {
        let digest = Sha256::digest(secret.expose_secret());
        let fingerprint: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        Self {
            link,
            lock: format!("{key}:lock"),
            refused: format!("{key}:refused:{fingerprint}"),
            early: format!("{key}:early"),
            key,
            owner: format!("{:032x}", rand::random::<u128>()),
            look: Script::new(LOOK),
            forget: Script::new(FORGET),
            extend: Script::new(EXTEND),
        }
    }

    pub(super) async fn look(&self, margin: Duration) -> Lookup {
        let mut call = self.look.prepare_invoke();
        call.key(&self.key)
            .key(&self.lock)
            .key(&self.refused)
            .arg(millis(margin))
            .arg(&self.owner)
            .arg(millis(LOCK_LIFE));
        let Some((kind, value, left)) = lost(self.link.script::<(String, String, u64)>(&call).await) else {
            return Lookup::Lost;
        };
        match kind.as_str() {
            "token" => match serde_json::from_str::<Stored>(&value) {
                Ok(stored) => Lookup::Token(stored.with_left(Duration::from_millis(left))),
                Err(_) => Lookup::Lost,
            },
            "refused" => serde_json::from_str::<StoredRefusal>(&value)
                .map_or(Lookup::Lost, |stored| Lookup::Refused(stored.into())),
            "yours" => Lookup::Yours,
            _ => Lookup::Busy,
        }
    }

    /// The stored token when it outlives the cached one.
    pub(super) async fn newer_than(&self, cached: Option<&Cached>) -> Option<SharedToken> {
        let cached = cached?;
        let (value, left): (Option<String>, i64) = lost(
            self.link
                .run(async |mut connection| {
                    redis::pipe()
                        .get(&self.key)
                        .pttl(&self.key)
                        .query_async(&mut connection)
                        .await
                })
                .await,
        )?;
        let stored: Stored = serde_json::from_str(&value?).ok()?;
        let left = Duration::from_millis(u64::try_from(left).ok()?);
        let newer = left > cached.left(Instant::now()) + Duration::from_secs(60);
        newer.then(|| stored.with_left(left))
    }

    /// Whether this process is the one that may look for a newer token now.
    pub(super) async fn may_refresh_early(&self, distance: Duration) -> bool {
        self.take(&self.early, distance).await
    }

    /// Takes the lock; `false` while another process holds it.
    pub(super) async fn lock(&self) -> bool {
        self.take(&self.lock, LOCK_LIFE).await
    }

    /// Renews the lock for as long as it is polled.
    pub(super) async fn keep_lock(&self) -> Infallible {
        loop {
            tokio::time::sleep(LOCK_LIFE / 3).await;
            let mut call = self.extend.prepare_invoke();
            call.key(&self.lock).arg(&self.owner).arg(millis(LOCK_LIFE));
            lost(self.link.script::<i64>(&call).await);
        }
    }

    /// Sets a key of this process if it is free; a lost Redis is in nobody's way.
    async fn take(&self, key: &str, life: Duration) -> bool {
        let taken: Result<Option<String>, LinkError> = self
            .link
            .run(async |mut connection| {
                redis::cmd("SET")
                    .arg(key)
                    .arg(&self.owner)
                    .arg("NX")
                    .arg("PX")
                    .arg(millis(life))
                    .query_async(&mut connection)
                    .await
            })
            .await;
        lost(taken).is_none_or(|reply| reply.is_some())
    }

    /// Keeps a token until it dies; `false` when Redis did not take it.
    pub(super) async fn save(&self, token: &Token, left: Duration, lifetime: Duration) -> bool {
        let stored = Stored {
            token: token.expose().to_owned(),
            lifetime: lifetime.as_secs(),
        };
        let Ok(json) = serde_json::to_string(&stored) else {
            return false;
        };
        let saved = self
            .link
            .run(async |mut connection| {
                redis::pipe()
                    .pset_ex(&self.key, json, millis(left))
                    .ignore()
                    .del(&self.refused)
                    .ignore()
                    .query_async::<()>(&mut connection)
                    .await
            })
            .await;
        lost(saved).is_some()
    }

    /// Deletes exactly this token, not one that replaced it in the meantime.
    pub(super) async fn forget(&self, token: &Token) {
        self.delete_if(&self.key, token.expose(), "token").await;
    }

    pub(super) async fn unlock(&self) {
        self.delete_if(&self.lock, &self.owner, "owner").await;
    }

    async fn delete_if(&self, key: &str, value: &str, kind: &str) {
        let mut call = self.forget.prepare_invoke();
        call.key(key).arg(value).arg(kind);
        lost(self.link.script::<i64>(&call).await);
    }

    /// Tells the other processes not to try these credentials for a while.
    pub(super) async fn remember_refusal(&self, failure: &LoginFailure, pause: Duration) {
        let stored = StoredRefusal {
            status: failure.status,
            code: failure.code.clone(),
            message: failure.message.clone(),
            request_id: failure.request_id.as_ref().map(|id| id.0.clone()),
        };
        let Ok(json) = serde_json::to_string(&stored) else {
            return;
        };
        let told = self
            .link
            .run(async |mut connection| {
                redis::cmd("SET")
                    .arg(&self.refused)
                    .arg(json)
                    .arg("PX")
                    .arg(millis(pause))
                    .query_async::<()>(&mut connection)
                    .await
            })
            .await;
        lost(told);
    }
}

impl From<StoredRefusal> for LoginFailure {
    fn from(stored: StoredRefusal) -> Self {
        Self {
            refused: true,
            status: stored.status,
            code: stored.code,
            message: stored.message,
            request_id: stored.request_id.map(RequestId),
        }
    }
}
