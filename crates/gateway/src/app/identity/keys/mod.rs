//! API keys as administrators see, make, change and revoke them.

pub mod commands;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use domain::OrganizationId;
use sea_orm::{DbErr, TransactionTrait};
use serde_json::json;
use uuid::Uuid;

use self::commands::{CreatedKey, KeyInfo, KeysError, NewKey};
use super::users::commands::require_organization;
use crate::app::{Gateway, RequestContext};
use crate::auth::Permission;
use crate::error::{ApiCode, ApiError};
use crate::store::audit;
use crate::store::identity::keys::{self as store, KeyChange};

/// What of a key is to change; what is `None` stays as it is.
#[derive(Debug, Default)]
pub struct UpdateKey {
    pub name: Option<String>,
    pub description: Option<Option<String>>,
    pub scopes: Option<Vec<Permission>>,
    pub expires_at: Option<Option<DateTime<Utc>>>,
    pub rate_limit_per_minute: Option<i32>,
    pub rate_limit_per_hour: Option<i32>,
}

/// At most `limit` keys that the caller may see, the newest first, before `before`.
pub async fn list(
    gateway: &Gateway,
    context: &RequestContext,
    before: Option<Uuid>,
    limit: u64,
) -> Result<Vec<KeyInfo>, ApiError> {
    let own = context.principal.organization;
    store::page(gateway.db.orm(), own, before, limit)
        .await
        .map_err(database)
}

/// One key, revoked or not.
pub async fn get(gateway: &Gateway, context: &RequestContext, id: Uuid) -> Result<KeyInfo, ApiError> {
    let found = store::find_by_id(gateway.db.orm(), id).await.map_err(database)?;
    found
        .filter(|key| context.principal.reaches(key.organization))
        .ok_or_else(|| ApiError::new(ApiCode::NotFound, "the API key does not exist"))
}

/// Makes a key.
pub async fn create(
    gateway: Arc<Gateway>,
    context: RequestContext,
    mut new: NewKey,
) -> Result<(CreatedKey, KeyInfo), ApiError> {
    may_grant(&context, &new.scopes)?;
    new.organization = new.organization.or(context.principal.organization);
    may_place(&context, new.organization)?;
    if let Some(organization) = new.organization {
        require_organization(gateway.db.orm(), organization).await?;
    }
    new.created_by = context.principal.name().to_owned();
    let organization = new.organization;
    let entry = |id: Uuid, details| context.entry("api_key.create", organization, id.to_string(), details);
    let made = commands::create_as(&gateway.db, &gateway.config.keys.key_secret, new, entry).await?;
    let info = get(&gateway, &context, made.id).await?;
    Ok((made, info))
}

/// Changes a key that was not revoked; gateways notice it within a second.
pub async fn update(
    gateway: Arc<Gateway>,
    context: RequestContext,
    id: Uuid,
    update: UpdateKey,
) -> Result<KeyInfo, ApiError> {
    if let Some(scopes) = &update.scopes {
        may_grant(&context, scopes)?;
    }
    get(&gateway, &context, id).await?;
    let scopes = update.scopes.as_deref().map(words);
    let details = json!({
        "name": update.name, "scopes": scopes, "expires_at": update.expires_at,
        "rate_limit_per_minute": update.rate_limit_per_minute, "rate_limit_per_hour": update.rate_limit_per_hour,
        "description_changed": update.description.is_some(),
    });
    let change = KeyChange {
        name: update.name,
        description: update.description,
        scopes,
        expires_at: update.expires_at,
        rate_limit_per_minute: update.rate_limit_per_minute,
        rate_limit_per_hour: update.rate_limit_per_hour,
    };
    let transaction = gateway.db.orm().begin().await.map_err(database)?;
    let changed = store::update(&transaction, id, change).await.map_err(database)?;
    let Some(key) = changed else {
        return Err(ApiError::new(ApiCode::Conflict, "the API key is revoked"));
    };
    let entry = context.entry("api_key.update", key.organization, id.to_string(), details);
    audit::append(&transaction, entry).await.map_err(database)?;
    transaction.commit().await.map_err(database)?;
    Ok(key)
}

/// Revokes a key; once more is no error.
pub async fn revoke(gateway: Arc<Gateway>, context: RequestContext, id: Uuid) -> Result<KeyInfo, ApiError> {
    get(&gateway, &context, id).await?;
    let transaction = gateway.db.orm().begin().await.map_err(database)?;
    let revoked = store::revoke(&transaction, &id.to_string()).await;
    if let Some(key) = revoked.map_err(database)? {
        let entry = context.entry("api_key.revoke", key.organization, id.to_string(), json!({}));
        audit::append(&transaction, entry).await.map_err(database)?;
        transaction.commit().await.map_err(database)?;
    }
    get(&gateway, &context, id).await
}

/// Nobody makes a key that may do more.
fn may_grant(context: &RequestContext, scopes: &[Permission]) -> Result<(), ApiError> {
    let lacking = scopes.iter().find(|scope| !context.principal.may(**scope));
    match lacking {
        None => Ok(()),
        Some(scope) => {
            let message = format!("the caller lacks {scope} and cannot give it to a key");
            Err(ApiError::new(ApiCode::Forbidden, message))
        }
    }
}

fn may_place(context: &RequestContext, organization: Option<OrganizationId>) -> Result<(), ApiError> {
    if context.principal.reaches(organization) {
        return Ok(());
    }
    let message = "a caller of an organization manages keys of that organization only";
    Err(ApiError::new(ApiCode::Forbidden, message))
}

fn words(scopes: &[Permission]) -> Vec<String> {
    let mut words: Vec<String> = scopes.iter().map(|scope| scope.word().to_owned()).collect();
    words.sort();
    words.dedup();
    words
}

fn database(error: DbErr) -> ApiError {
    ApiError::database(&error)
}

impl From<KeysError> for ApiError {
    fn from(error: KeysError) -> Self {
        match error {
            KeysError::Invalid(reason) => Self::new(ApiCode::Validation, reason),
            KeysError::Database(error) => Self::database(&error),
        }
    }
}
