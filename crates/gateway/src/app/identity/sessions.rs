//! Sessions: begun by a login, continued by refresh tokens, ended by their users.

use std::sync::Arc;

use chrono::Utc;
use messages::pb::common::Actor;
use sea_orm::TransactionTrait;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use uuid::Uuid;

use super::{Origin, database};
use crate::app::{Gateway, RequestContext};
use crate::auth::{Caller, RefreshText};
use crate::error::{ApiCode, ApiError};
use crate::store::audit;
use crate::store::identity::sessions::{self, NewSession, Spent};
use crate::store::identity::users::{self, UserRow};

const REFUSED: &str = "the refresh token is unknown, expired or used";

/// What a session hands out.
#[derive(Debug)]
pub struct Tokens {
    pub access: SecretString,
    pub refresh: SecretString,
}

/// Who wants to log in.
#[derive(Debug)]
pub struct Login {
    /// The username or the e-mail address.
    pub name: String,
    pub password: SecretString,
}

/// Begins a session. An unknown name, a wrong password and a user who is not active get the same answer.
pub async fn login(
    gateway: Arc<Gateway>,
    origin: Origin,
    login: Login,
) -> Result<(Tokens, UserRow), ApiError> {
    let outcome = count_and_attempt(&gateway, &origin, login).await;
    gateway.identity.counts.login(&outcome);
    outcome
}

async fn count_and_attempt(
    gateway: &Gateway,
    origin: &Origin,
    login: Login,
) -> Result<(Tokens, UserRow), ApiError> {
    let throttle = &gateway.identity.throttle;
    let name = login.name.clone();
    let counted = throttle.reserve(&name, origin.remote_addr).await?;
    match attempt(gateway, origin, login).await {
        Ok(Outcome::Begun(tokens, user)) => {
            throttle.succeeded(&counted).await;
            Ok((tokens, user))
        }
        Ok(Outcome::Refused(user)) => {
            note_failure(gateway, origin, &name, user).await?;
            Err(refused("the username or the password is wrong"))
        }
        Err(error) => {
            throttle.withdrawn(&counted).await;
            Err(error)
        }
    }
}

enum Outcome {
    Begun(Tokens, UserRow),
    /// With the user whose name was given, if there is one.
    Refused(Option<UserRow>),
}

async fn attempt(gateway: &Gateway, origin: &Origin, login: Login) -> Result<Outcome, ApiError> {
    let found = users::find_for_login(gateway.db.orm(), &login.name).await;
    let (user, hash) = found.map_err(database)?.unzip();
    let passwords = &gateway.identity.passwords;
    let right = passwords.verify(login.password, hash.clone()).await?;
    let (Some(user), Some(hash), true) = (&user, hash, right) else {
        return Ok(Outcome::Refused(user));
    };
    let begun = begin(gateway, origin, user, &hash).await?;
    Ok(match begun {
        Some((tokens, user)) => Outcome::Begun(tokens, user),
        None => Outcome::Refused(Some(user.clone())),
    })
}

/// `None` when the user is not active, or has another password since it was compared.
async fn begin(
    gateway: &Gateway,
    origin: &Origin,
    user: &UserRow,
    hash: &str,
) -> Result<Option<(Tokens, UserRow)>, ApiError> {
    let identity = &gateway.identity;
    let transaction = gateway.db.orm().begin().await.map_err(database)?;
    let noted = users::note_login(&transaction, user.id, hash).await;
    let Some(user) = noted.map_err(database)? else {
        return Ok(None);
    };
    let (refresh, refresh_hash) = identity.refresh.generate();
    let new = NewSession {
        user: user.id,
        remote_addr: origin.remote_addr.map(|addr| addr.to_string()),
        user_agent: origin.user_agent.clone(),
        refresh_hash,
    };
    let session = sessions::insert(&transaction, new).await.map_err(database)?;
    let actor = Actor {
        kind: "user".to_owned(),
        id: user.id.to_string(),
    };
    let (subject, details) = (user.id.to_string(), json!({ "session": session }));
    let entry = origin.entry(actor, user.organization, "session.login", subject, details);
    audit::append(&transaction, entry).await.map_err(database)?;
    transaction.commit().await.map_err(database)?;
    identity.sessions.begun(session).await;
    let access = identity.sessions.tokens.make(user.id, session, Utc::now());
    let access = access.map_err(|error| ApiError::internal(&error))?;
    Ok(Some((Tokens { access, refresh }, user)))
}

/// Unknown names are written down too, but not which: passwords are typed into the wrong field.
async fn note_failure(
    gateway: &Gateway,
    origin: &Origin,
    name: &str,
    user: Option<UserRow>,
) -> Result<(), ApiError> {
    if !gateway.identity.throttle.worth_a_note(name).await {
        return Ok(());
    }
    let actor = Actor {
        kind: "anonymous".to_owned(),
        id: String::new(),
    };
    let organization = user.as_ref().and_then(|user| user.organization);
    let subject = user.map_or_else(|| "unknown".to_owned(), |user| user.id.to_string());
    let entry = origin.entry(actor, organization, "session.login_failed", subject, json!({}));
    audit::append(gateway.db.orm(), entry).await.map_err(database)
}

/// Trades a refresh token for new tokens. One that was used before ends the session: somebody has a copy.
pub async fn refresh(gateway: Arc<Gateway>, origin: Origin, token: SecretString) -> Result<Tokens, ApiError> {
    let identity = &gateway.identity;
    let text = RefreshText::parse(token.expose_secret()).ok_or_else(|| refused(REFUSED))?;
    let hash = identity.refresh.hash(text);
    let transaction = gateway.db.orm().begin().await.map_err(database)?;
    let session = match sessions::spend(&transaction, &hash).await.map_err(database)? {
        Spent::Now { session } => session,
        Spent::Unknown => return Err(refused(REFUSED)),
        Spent::Before { session } => {
            transaction.rollback().await.map_err(database)?;
            end_reused(&gateway, &origin, session).await?;
            return Err(refused(REFUSED));
        }
    };
    let (refresh, hash) = identity.refresh.generate();
    let extended = sessions::extend(&transaction, session, &hash).await;
    let Some(owner) = extended.map_err(database)? else {
        return Err(refused(REFUSED));
    };
    transaction.commit().await.map_err(database)?;
    identity.counts.refreshed.increment(1);
    let access = identity.sessions.tokens.make(owner.user, session, Utc::now());
    let access = access.map_err(|error| ApiError::internal(&error))?;
    Ok(Tokens { access, refresh })
}

async fn end_reused(gateway: &Gateway, origin: &Origin, session: Uuid) -> Result<(), ApiError> {
    let identity = &gateway.identity;
    identity.counts.reused.increment(1);
    let transaction = gateway.db.orm().begin().await.map_err(database)?;
    let revoked = sessions::revoke(&transaction, session, "reuse").await;
    if let Some(owner) = revoked.map_err(database)? {
        let actor = Actor {
            kind: "anonymous".to_owned(),
            id: String::new(),
        };
        let details = json!({ "user": owner.user });
        let entry = origin.entry(
            actor,
            owner.organization,
            "session.reuse",
            session.to_string(),
            details,
        );
        audit::append(&transaction, entry).await.map_err(database)?;
        transaction.commit().await.map_err(database)?;
    }
    identity.sessions.ended(session).await;
    Ok(())
}

/// Ends the caller's session; how many ended: none when another request was first.
pub async fn logout(gateway: Arc<Gateway>, context: RequestContext) -> Result<u64, ApiError> {
    let Caller::User { id, session, .. } = context.principal.caller else {
        return Err(ApiError::new(
            ApiCode::Forbidden,
            "an API key has no session to end",
        ));
    };
    let transaction = gateway.db.orm().begin().await.map_err(database)?;
    let revoked = sessions::revoke(&transaction, session, "logout").await;
    let owner = revoked.map_err(database)?;
    if let Some(owner) = owner {
        let details = json!({ "session": session });
        let entry = context.entry("session.logout", owner.organization, id.to_string(), details);
        audit::append(&transaction, entry).await.map_err(database)?;
        transaction.commit().await.map_err(database)?;
        gateway.identity.counts.logged_out.increment(1);
    }
    gateway.identity.sessions.ended(session).await;
    Ok(owner.is_some().into())
}

/// A user's own password, and what it shall become.
#[derive(Debug)]
pub struct ChangePassword {
    pub current: SecretString,
    pub new: SecretString,
}

/// Changes the caller's own password; all other sessions end; how many those were.
pub async fn change_password(
    gateway: Arc<Gateway>,
    context: RequestContext,
    change: ChangePassword,
) -> Result<u64, ApiError> {
    let Caller::User { id, session, .. } = context.principal.caller else {
        return Err(ApiError::new(ApiCode::Forbidden, "an API key has no password"));
    };
    // Whoever has a copy of a token must not guess at leisure.
    let throttle = &gateway.identity.throttle;
    let account = format!("password of {id}");
    let counted = throttle.reserve(&account, context.remote_addr).await?;
    match replace(&gateway, &context, id, session, change).await {
        Ok(Some(ended)) => {
            throttle.succeeded(&counted).await;
            Ok(ended)
        }
        Ok(None) => Err(ApiError::field("current_password", "is wrong")),
        Err(error) => {
            throttle.withdrawn(&counted).await;
            Err(error)
        }
    }
}

/// `None` when the current password is another one.
async fn replace(
    gateway: &Gateway,
    context: &RequestContext,
    id: Uuid,
    session: Uuid,
    change: ChangePassword,
) -> Result<Option<u64>, ApiError> {
    let passwords = &gateway.identity.passwords;
    let current = users::password_hash(gateway.db.orm(), id)
        .await
        .map_err(database)?;
    let right = passwords.verify(change.current, current.clone()).await?;
    let (Some(current), true) = (current, right) else {
        return Ok(None);
    };
    let new = passwords.hash(change.new).await?;
    let transaction = gateway.db.orm().begin().await.map_err(database)?;
    let replaced = users::replace_password(&transaction, id, &current, &new).await;
    if !replaced.map_err(database)? {
        return Ok(None);
    }
    let ended = sessions::revoke_of_user(&transaction, id, Some(session), "password")
        .await
        .map_err(database)?;
    let details = json!({ "sessions_ended": ended });
    let entry = context.entry(
        "user.password",
        context.principal.organization,
        id.to_string(),
        details,
    );
    audit::append(&transaction, entry).await.map_err(database)?;
    transaction.commit().await.map_err(database)?;
    Ok(Some(ended))
}

fn refused(message: &'static str) -> ApiError {
    ApiError::new(ApiCode::Unauthorized, message)
}
