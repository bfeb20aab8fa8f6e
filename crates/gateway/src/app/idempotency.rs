//! Requests that are done once: the first answer is kept for a day and given again.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use serde::{Deserialize, Serialize};
use sqlx::PgPool;

use super::{Gateway, RequestContext};
use crate::auth::DerivedKey;
use crate::error::ApiError;
use crate::store::idempotency::{self, Call, Claim, Turn};

/// How long an answer is kept.
const KEEP: Duration = Duration::from_secs(24 * 3600);
/// Longer than any work; a worker that died holds its key so long.
const LEASE: Duration = Duration::from_secs(60);
const FORGET_EVERY: Duration = Duration::from_secs(600);
const FORGET_AT_ONCE: i64 = 10_000;
const NONCE: usize = 24;

/// An answer as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptAnswer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

/// What is to be done with a request that came with a key.
pub enum Next {
    Work(Turn),
    Replay(KeptAnswer),
    Other,
    Busy(Duration),
}

/// A request of this caller with this key.
pub fn call_of(gateway: &Gateway, context: &RequestContext, key: &str, route: String, body: &[u8]) -> Call {
    let actor = context.principal.actor();
    Call {
        principal_kind: actor.kind,
        principal_id: actor.id,
        key: key.to_owned(),
        route,
        body_hash: DerivedKey::new(&gateway.config.keys.key_secret, "idempotency bodies").mac(body),
    }
}

/// Takes the turn, or tells who has it and what was answered.
pub async fn begin(gateway: &Arc<Gateway>, call: &Call) -> Result<Next, ApiError> {
    let asked = call.clone();
    let claim = on_database(gateway, async move |pool: PgPool| {
        idempotency::claim(&pool, &asked, LEASE, KEEP).await
    });
    Ok(match claim.await? {
        Claim::Ours(turn) => Next::Work(turn),
        Claim::Answered(sealed) => Next::Replay(open(gateway, call, &sealed)?),
        Claim::Other => Next::Other,
        Claim::Busy(time) => Next::Busy(time),
    })
}

/// Keeps the answer; without one, the same request may be tried again.
pub async fn end(
    gateway: &Arc<Gateway>,
    call: Call,
    turn: Turn,
    answer: Option<&KeptAnswer>,
) -> Result<(), ApiError> {
    let Some(answer) = answer else {
        return on_database(gateway, async move |pool: PgPool| {
            idempotency::give_up(&pool, &call, turn).await
        })
        .await;
    };
    let sealed = seal(gateway, &call, answer)?;
    let kept = on_database(gateway, async move |pool: PgPool| {
        idempotency::answer(&pool, &call, turn, &sealed).await
    });
    if !kept.await? {
        tracing::warn!("an answer came after its turn was over and is not kept");
    }
    Ok(())
}

/// Deletes what is over, until the end is asked for.
pub async fn forget(gateway: Arc<Gateway>) {
    loop {
        match idempotency::delete_expired(gateway.db.pool(), FORGET_AT_ONCE).await {
            Ok(deleted) if deleted.cast_signed() == FORGET_AT_ONCE => continue,
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "kept answers that are over could not be deleted"),
        }
        if !gateway.shutdown.sleep(FORGET_EVERY).await {
            return;
        }
    }
}

/// On the main runtime and within the time that the database has.
async fn on_database<T, W, F>(gateway: &Arc<Gateway>, work: W) -> Result<T, ApiError>
where
    T: Send + 'static,
    W: FnOnce(PgPool) -> F,
    F: Future<Output = Result<T, sqlx::Error>> + Send + 'static,
{
    let limit = gateway.audit_limit;
    let work = work(gateway.db.pool().clone());
    gateway
        .on_main(async move {
            tokio::time::timeout(limit, work)
                .await
                .map_err(|silence| ApiError::database(&silence))?
                .map_err(|error| ApiError::database(&error))
        })
        .await
}

/// An answer may hold a new key, so it lies encrypted, and belongs to its place.
fn seal(gateway: &Gateway, call: &Call, answer: &KeptAnswer) -> Result<Vec<u8>, ApiError> {
    let plain = serde_json::to_vec(answer).map_err(|error| ApiError::internal(&error))?;
    let nonce: [u8; NONCE] = rand::random();
    let place = place(call);
    let payload = Payload {
        msg: &plain,
        aad: &place,
    };
    let sealed = cipher(gateway).encrypt(&XNonce::from(nonce), payload);
    let sealed = sealed.map_err(|error| ApiError::internal(&error))?;
    Ok([nonce.as_slice(), &sealed].concat())
}

fn open(gateway: &Gateway, call: &Call, sealed: &[u8]) -> Result<KeptAnswer, ApiError> {
    let unreadable = || ApiError::internal(&"a kept answer cannot be read");
    let (nonce, sealed) = sealed.split_first_chunk::<NONCE>().ok_or_else(unreadable)?;
    let place = place(call);
    let payload = Payload {
        msg: sealed,
        aad: &place,
    };
    let plain = cipher(gateway).decrypt(&XNonce::from(*nonce), payload);
    let plain = plain.map_err(|_| unreadable())?;
    serde_json::from_slice(&plain).map_err(|_| unreadable())
}

fn cipher(gateway: &Gateway) -> XChaCha20Poly1305 {
    let key = DerivedKey::bytes(&gateway.config.keys.key_secret, "idempotency answers");
    XChaCha20Poly1305::new(&key.into())
}

fn place(call: &Call) -> Vec<u8> {
    [&call.principal_kind, &call.principal_id, &call.key]
        .map(|part| part.as_bytes())
        .join(&0)
}
