use chrono::{DateTime, TimeDelta, Utc};
use domain::OrganizationId;
use sea_orm::{ConnectionTrait, DbBackend, DbErr, FromQueryResult, Statement, Value};
use service_runtime::db::Db;
use uuid::Uuid;

/// How long a refresh token counts.
const REFRESH_DAYS: i64 = 7;

/// What is needed to verify an access token.
#[derive(Debug, sqlx::FromRow)]
pub struct StoredSession {
    pub user_id: Uuid,
    pub username: String,
    pub role: String,
    pub organization_id: Option<Uuid>,
}

/// The table of sessions.
#[derive(Debug, Clone)]
pub struct Sessions(Db);

impl Sessions {
    pub fn new(db: Db) -> Self {
        Self(db)
    }

    /// A session that was not ended, of a user who is active.
    pub async fn find_usable(&self, id: Uuid) -> Result<Option<StoredSession>, sqlx::Error> {
        sqlx::query_as(
            "SELECT u.id AS user_id, u.username, u.role, u.organization_id
             FROM sessions s JOIN users u ON u.id = s.user_id
             WHERE s.id = $1 AND s.revoked_at IS NULL AND s.expires_at > now() AND u.is_active
               AND u.deleted_at IS NULL",
        )
        .bind(id)
        .fetch_optional(self.0.pool())
        .await
    }
}

/// A session to be written, with its first refresh token.
#[derive(Debug)]
pub struct NewSession {
    pub user: Uuid,
    pub remote_addr: Option<String>,
    pub user_agent: Option<String>,
    pub refresh_hash: [u8; 32],
}

/// Begins a session; forgets those of the same user that expired long ago.
pub async fn insert<C: ConnectionTrait>(connection: &C, new: NewSession) -> Result<Uuid, DbErr> {
    let (id, now) = (Uuid::now_v7(), Utc::now());
    run(
        connection,
        "DELETE FROM sessions WHERE user_id = $1 AND expires_at < $2",
        [new.user.into(), (now - lifetime()).into()],
    )
    .await?;
    run(
        connection,
        "INSERT INTO sessions (id, user_id, created_at, last_used_at, expires_at, remote_addr, user_agent)
         VALUES ($1, $2, $3, $3, $4, $5, $6)",
        [
            id.into(),
            new.user.into(),
            now.into(),
            (now + lifetime()).into(),
            new.remote_addr.into(),
            new.user_agent.into(),
        ],
    )
    .await?;
    insert_token(connection, id, &new.refresh_hash, now).await?;
    Ok(id)
}

/// What became of a refresh token that was shown.
#[derive(Debug)]
pub enum Spent {
    /// It counted, this once.
    Now { session: Uuid },
    /// It was used before.
    Before { session: Uuid },
    /// There is no such token, or its time is over.
    Unknown,
}

/// Uses a refresh token. Of two at once the second waits for the first transaction and finds it used.
pub async fn spend<C: ConnectionTrait>(connection: &C, hash: &[u8; 32]) -> Result<Spent, DbErr> {
    let now = Utc::now();
    let spent = Token::find_by_statement(statement(
        "UPDATE refresh_tokens SET used_at = $2 WHERE hash = $1 AND used_at IS NULL
         RETURNING session_id, expires_at",
        [hash.to_vec().into(), now.into()],
    ));
    if let Some(token) = spent.one(connection).await? {
        return Ok(if token.expires_at > now {
            Spent::Now {
                session: token.session_id,
            }
        } else {
            Spent::Unknown
        });
    }
    let known = Token::find_by_statement(statement(
        "SELECT session_id, expires_at FROM refresh_tokens WHERE hash = $1",
        [hash.to_vec().into()],
    ));
    Ok(match known.one(connection).await? {
        Some(token) => Spent::Before {
            session: token.session_id,
        },
        None => Spent::Unknown,
    })
}

/// Whose session it is.
#[derive(Debug, Clone, Copy)]
pub struct SessionOwner {
    pub user: Uuid,
    pub organization: Option<OrganizationId>,
}

/// Goes on with a session under a new refresh token; `None` when it was ended or its user may not log in.
pub async fn extend<C: ConnectionTrait>(
    connection: &C,
    id: Uuid,
    refresh_hash: &[u8; 32],
) -> Result<Option<SessionOwner>, DbErr> {
    let now = Utc::now();
    let extended = Owner::find_by_statement(statement(
        "UPDATE sessions s SET last_used_at = $2, expires_at = $3 FROM users u
         WHERE s.id = $1 AND s.revoked_at IS NULL AND u.id = s.user_id AND u.is_active AND u.deleted_at IS NULL
         RETURNING u.id AS user_id, u.organization_id",
        [id.into(), now.into(), (now + lifetime()).into()],
    ));
    let Some(owner) = extended.one(connection).await? else {
        return Ok(None);
    };
    // An expired token is refused whether it was used or not, so nothing is lost with it.
    run(
        connection,
        "DELETE FROM refresh_tokens WHERE session_id = $1 AND expires_at < $2",
        [id.into(), now.into()],
    )
    .await?;
    insert_token(connection, id, refresh_hash, now).await?;
    Ok(Some(owner.into()))
}

/// Ends a session; `None` when it was ended before.
pub async fn revoke<C: ConnectionTrait>(
    connection: &C,
    id: Uuid,
    reason: &str,
) -> Result<Option<SessionOwner>, DbErr> {
    let revoked = Owner::find_by_statement(statement(
        "UPDATE sessions s SET revoked_at = $2, revoked_reason = $3 FROM users u
         WHERE s.id = $1 AND s.revoked_at IS NULL AND u.id = s.user_id
         RETURNING u.id AS user_id, u.organization_id",
        [id.into(), Utc::now().into(), reason.into()],
    ));
    Ok(revoked.one(connection).await?.map(Into::into))
}

/// Ends every session of a user but one; how many.
pub async fn revoke_of_user<C: ConnectionTrait>(
    connection: &C,
    user: Uuid,
    but: Option<Uuid>,
    reason: &str,
) -> Result<u64, DbErr> {
    run(
        connection,
        "UPDATE sessions SET revoked_at = $3, revoked_reason = $4
         WHERE user_id = $1 AND id IS DISTINCT FROM $2 AND revoked_at IS NULL AND expires_at > $3",
        [user.into(), but.into(), Utc::now().into(), reason.into()],
    )
    .await
}

async fn insert_token<C: ConnectionTrait>(
    connection: &C,
    session: Uuid,
    hash: &[u8; 32],
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    let inserted = run(
        connection,
        "INSERT INTO refresh_tokens (hash, session_id, created_at, expires_at) VALUES ($1, $2, $3, $4)",
        [
            hash.to_vec().into(),
            session.into(),
            now.into(),
            (now + lifetime()).into(),
        ],
    );
    inserted.await.map(|_| ())
}

fn lifetime() -> TimeDelta {
    TimeDelta::days(REFRESH_DAYS)
}

#[derive(FromQueryResult)]
struct Token {
    session_id: Uuid,
    expires_at: DateTime<Utc>,
}

#[derive(FromQueryResult)]
struct Owner {
    user_id: Uuid,
    organization_id: Option<Uuid>,
}

impl From<Owner> for SessionOwner {
    fn from(owner: Owner) -> Self {
        Self {
            user: owner.user_id,
            organization: owner.organization_id.map(OrganizationId),
        }
    }
}

fn statement<const N: usize>(sql: &str, values: [Value; N]) -> Statement {
    Statement::from_sql_and_values(DbBackend::Postgres, sql, values)
}

async fn run<C: ConnectionTrait, const N: usize>(
    connection: &C,
    sql: &str,
    values: [Value; N],
) -> Result<u64, DbErr> {
    let done = connection.execute_raw(statement(sql, values)).await?;
    Ok(done.rows_affected())
}
