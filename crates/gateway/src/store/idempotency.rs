use std::time::Duration;

use sqlx::PgPool;
use uuid::Uuid;

/// A request that may be a repeat.
#[derive(Debug, Clone)]
pub struct Call {
    pub principal_kind: String,
    pub principal_id: String,
    pub key: String,
    /// Method, path and query.
    pub route: String,
    pub body_hash: [u8; 32],
}

/// The right to do the work.
#[derive(Debug, Clone, Copy)]
pub struct Turn {
    /// The id of what is created.
    pub id: Uuid,
    lease: Uuid,
}

/// What became of the requests with this key.
#[derive(Debug)]
pub enum Claim {
    /// Nobody works at it and nothing was answered.
    Ours(Turn),
    /// The encrypted answer.
    Answered(Vec<u8>),
    /// The key belongs to another request.
    Other,
    /// Somebody works at it, at most that much longer.
    Busy(Duration),
}

#[derive(sqlx::FromRow)]
struct Known {
    route: String,
    body_hash: Vec<u8>,
    answer: Option<Vec<u8>>,
    busy_seconds: f64,
}

/// Takes the turn, or tells who has it. A row whose time is over is as good as none; one that was given up, or whose
/// worker died, goes on with its id.
pub async fn claim(
    pool: &PgPool,
    call: &Call,
    lease_for: Duration,
    keep_for: Duration,
) -> Result<Claim, sqlx::Error> {
    let taken: Option<(Uuid, Uuid)> = sqlx::query_as(
        "INSERT INTO idempotency_keys AS k
             (principal_kind, principal_id, key, route, body_hash, id, lease, lease_until, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, now() + make_interval(secs => $8), now() + make_interval(secs => $9))
         ON CONFLICT (principal_kind, principal_id, key) DO UPDATE
         SET route = excluded.route, body_hash = excluded.body_hash, answer = NULL,
             id = CASE WHEN k.expires_at <= now() THEN excluded.id ELSE k.id END,
             lease = excluded.lease, lease_until = excluded.lease_until,
             created_at = now(), expires_at = excluded.expires_at
         WHERE k.expires_at <= now()
            OR (k.answer IS NULL AND k.lease_until <= now()
                AND k.route = excluded.route AND k.body_hash = excluded.body_hash)
         RETURNING id, lease",
    )
    .bind(&call.principal_kind)
    .bind(&call.principal_id)
    .bind(&call.key)
    .bind(&call.route)
    .bind(call.body_hash.as_slice())
    .bind(Uuid::now_v7())
    .bind(Uuid::new_v4())
    .bind(lease_for.as_secs_f64())
    .bind(keep_for.as_secs_f64())
    .fetch_optional(pool)
    .await?;
    if let Some((id, lease)) = taken {
        return Ok(Claim::Ours(Turn { id, lease }));
    }
    let known: Option<Known> = sqlx::query_as(
        "SELECT route, body_hash, answer,
                greatest(extract(epoch FROM lease_until - now()), 0)::float8 AS busy_seconds
         FROM idempotency_keys WHERE principal_kind = $1 AND principal_id = $2 AND key = $3",
    )
    .bind(&call.principal_kind)
    .bind(&call.principal_id)
    .bind(&call.key)
    .fetch_optional(pool)
    .await?;
    Ok(match known {
        Some(known) if known.route != call.route || known.body_hash != call.body_hash => Claim::Other,
        Some(Known {
            answer: Some(answer), ..
        }) => Claim::Answered(answer),
        Some(known) => Claim::Busy(Duration::from_secs_f64(known.busy_seconds)),
        // It was deleted between the two statements.
        None => Claim::Busy(Duration::ZERO),
    })
}

/// Keeps the answer; `false` when the turn was over and somebody else works at it.
pub async fn answer(pool: &PgPool, call: &Call, turn: Turn, answer: &[u8]) -> Result<bool, sqlx::Error> {
    let set = "UPDATE idempotency_keys SET answer = $5
               WHERE principal_kind = $1 AND principal_id = $2 AND key = $3 AND lease = $4";
    let done = finish(set, call, turn).bind(answer).execute(pool).await?;
    Ok(done.rows_affected() == 1)
}

/// Gives the turn back: the same request may be tried again.
pub async fn give_up(pool: &PgPool, call: &Call, turn: Turn) -> Result<(), sqlx::Error> {
    let set = "UPDATE idempotency_keys SET lease_until = now()
               WHERE principal_kind = $1 AND principal_id = $2 AND key = $3 AND lease = $4";
    finish(set, call, turn).execute(pool).await.map(|_| ())
}

fn finish<'q>(
    statement: &'static str,
    call: &'q Call,
    turn: Turn,
) -> sqlx::query::Query<'q, sqlx::Postgres, sqlx::postgres::PgArguments> {
    sqlx::query(statement)
        .bind(&call.principal_kind)
        .bind(&call.principal_id)
        .bind(&call.key)
        .bind(turn.lease)
}

/// Deletes at most `most` rows whose time is over; how many there were.
pub async fn delete_expired(pool: &PgPool, most: i64) -> Result<u64, sqlx::Error> {
    let done = sqlx::query(
        "DELETE FROM idempotency_keys WHERE ctid = ANY (ARRAY(
             SELECT ctid FROM idempotency_keys WHERE expires_at <= now() LIMIT $1))",
    )
    .bind(most)
    .execute(pool)
    .await?;
    Ok(done.rows_affected())
}
