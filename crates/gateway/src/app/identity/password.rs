use std::sync::Arc;

use sea_orm::TransactionTrait;
use secrecy::SecretString;
use serde_json::json;
use uuid::Uuid;

use super::database;
use crate::app::{Gateway, RequestContext};
use crate::auth::Caller;
use crate::error::{ApiCode, ApiError};
use crate::store::{audit, sessions, users};

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
