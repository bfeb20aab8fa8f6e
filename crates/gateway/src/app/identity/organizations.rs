//! Organizations: whose SIMs, users and keys they are.

use std::sync::Arc;

use sea_orm::{SqlErr, TransactionTrait};
use serde_json::json;
use uuid::Uuid;

use crate::app::{Gateway, RequestContext};
use crate::error::{ApiCode, ApiError};
use crate::store::audit;
use crate::store::identity::organizations::{self, OrganizationRow};

/// An organization to be made.
#[derive(Debug)]
pub struct NewOrganization {
    pub name: String,
    pub slug: String,
}

/// At most `limit` organizations behind `after`: the caller's own, or all.
pub async fn list(
    gateway: &Gateway,
    context: &RequestContext,
    after: Option<Uuid>,
    limit: u64,
) -> Result<Vec<OrganizationRow>, ApiError> {
    let own = context.principal.organization;
    let found = organizations::list(gateway.db.orm(), own, after, limit).await;
    found.map_err(|error| ApiError::database(&error))
}

/// Makes an organization; only callers of the whole platform may.
pub async fn create(
    gateway: Arc<Gateway>,
    context: RequestContext,
    new: NewOrganization,
) -> Result<OrganizationRow, ApiError> {
    if context.principal.organization.is_some() {
        let message = "only callers of the whole platform make organizations";
        return Err(ApiError::new(ApiCode::Forbidden, message));
    }
    let database = |error| ApiError::database(&error);
    let transaction = gateway.db.orm().begin().await.map_err(database)?;
    let made = organizations::insert(&transaction, new.name, new.slug).await;
    let made = made.map_err(|error| match error.sql_err() {
        Some(SqlErr::UniqueConstraintViolation(_)) => ApiError::new(ApiCode::Conflict, "the slug is taken"),
        _ => ApiError::database(&error),
    })?;
    let details = json!({ "name": made.name, "slug": made.slug });
    let entry = context.entry("organization.create", Some(made.id), made.id.to_string(), details);
    audit::append(&transaction, entry).await.map_err(database)?;
    transaction.commit().await.map_err(database)?;
    Ok(made)
}
