use std::sync::Arc;

use chrono::Utc;
use messages::pb::common::Actor;
use sea_orm::TransactionTrait;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use uuid::Uuid;

use super::{Origin, Tokens, database, refused};
use crate::app::{Gateway, RequestContext};
use crate::auth::{Caller, RefreshText};
use crate::error::{ApiCode, ApiError};
use crate::store::audit;
use crate::store::sessions::{self, Spent};

const REFUSED: &str = "the refresh token is unknown, expired or used";

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
