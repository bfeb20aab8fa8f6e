use std::sync::Arc;

use chrono::Utc;
use messages::pb::common::Actor;
use sea_orm::TransactionTrait;
use secrecy::SecretString;
use serde_json::json;

use super::{Origin, Tokens, database, refused};
use crate::app::Gateway;
use crate::error::ApiError;
use crate::store::audit;
use crate::store::sessions::{self, NewSession};
use crate::store::users::{self, UserRow};

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
