//! Users as administrators see, make, change and delete them.

pub mod commands;
pub(crate) mod fields;

use std::sync::Arc;

use domain::OrganizationId;
use sea_orm::{ConnectionTrait, DbErr, TransactionTrait};
use secrecy::SecretString;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use self::commands::UsersError;
use crate::app::{Gateway, RequestContext};
use crate::auth::Role;
use crate::error::{ApiCode, ApiError};
use crate::store::audit;
use crate::store::identity::sessions;
use crate::store::identity::users::{self as store, NewUserRow, UserChange, UserRow};

/// A user to be made.
#[derive(Debug)]
pub struct NewUser {
    pub username: String,
    pub email: String,
    pub password: SecretString,
    pub full_name: Option<String>,
    pub role: Role,
    /// `None`: not named. Then it is the caller's own, or the whole platform.
    pub organization: Option<OrganizationId>,
    pub is_active: bool,
}

/// What of a user is to change; what is `None` stays as it is.
#[derive(Debug, Default)]
pub struct UpdateUser {
    pub username: Option<String>,
    pub email: Option<String>,
    pub password: Option<SecretString>,
    pub full_name: Option<Option<String>>,
    pub role: Option<Role>,
    /// `Some(None)`: the whole platform.
    pub organization: Option<Option<OrganizationId>>,
    pub is_active: Option<bool>,
}

/// At most `limit` users that the caller may see, behind `after`.
pub async fn list(
    gateway: &Gateway,
    context: &RequestContext,
    after: Option<Uuid>,
    limit: u64,
) -> Result<Vec<UserRow>, ApiError> {
    let own = context.principal.organization;
    store::list(gateway.db.orm(), own, after, limit)
        .await
        .map_err(database)
}

/// One user.
pub async fn get(gateway: &Gateway, context: &RequestContext, id: Uuid) -> Result<UserRow, ApiError> {
    let found = store::find(gateway.db.orm(), id).await.map_err(database)?;
    visible(context, found)
}

/// Makes a user.
pub async fn create(
    gateway: Arc<Gateway>,
    context: RequestContext,
    new: NewUser,
) -> Result<UserRow, ApiError> {
    may_grant(&context, new.role)?;
    let organization = new.organization.or(context.principal.organization);
    may_place(&context, organization)?;
    let row = NewUserRow {
        username: new.username,
        email: new.email,
        password_hash: gateway.identity.passwords.hash(new.password).await?,
        full_name: new.full_name,
        role: new.role.word(),
        organization,
        is_active: new.is_active,
    };
    let entry = |user: &UserRow| {
        let details = commands::created(user);
        context.entry("user.create", user.organization, user.id.to_string(), details)
    };
    Ok(commands::insert(&gateway.db, row, entry).await?)
}

/// Changes a user. Another role, organization or password, and being switched off, end the user's sessions.
pub async fn update(
    gateway: Arc<Gateway>,
    context: RequestContext,
    id: Uuid,
    mut update: UpdateUser,
) -> Result<UserRow, ApiError> {
    if let Some(role) = update.role {
        may_grant(&context, role)?;
    }
    if let Some(organization) = update.organization {
        may_place(&context, organization)?;
    }
    let password_hash = match update.password.take() {
        Some(password) => Some(gateway.identity.passwords.hash(password).await?),
        None => None,
    };
    let transaction = gateway.db.orm().begin().await.map_err(database)?;
    let admins = store::lock_platform_admins(&transaction)
        .await
        .map_err(database)?;
    let before = lock_changeable(&transaction, &context, id).await?;
    check_update(&transaction, &update, id).await?;
    let details = told(&update, password_hash.is_some());
    let ends_sessions = password_hash.is_some() || moves(&update, &before);
    let change = UserChange {
        username: update.username,
        email: update.email,
        password_hash,
        full_name: update.full_name,
        role: update.role.map(Role::word),
        organization: update.organization,
        is_active: update.is_active,
    };
    let changed = store::update(&transaction, id, change).await;
    let user = changed.map_err(commands::taken_at_once)?;
    if !is_platform_admin(&user) {
        keep_an_admin(&admins, id)?;
    }
    if ends_sessions {
        sessions::revoke_of_user(&transaction, id, None, "user changed")
            .await
            .map_err(database)?;
    }
    let entry = context.entry("user.update", user.organization, id.to_string(), details);
    audit::append(&transaction, entry).await.map_err(database)?;
    transaction.commit().await.map_err(database)?;
    Ok(user)
}

/// Ends a user for ever.
pub async fn delete(gateway: Arc<Gateway>, context: RequestContext, id: Uuid) -> Result<UserRow, ApiError> {
    let transaction = gateway.db.orm().begin().await.map_err(database)?;
    let admins = store::lock_platform_admins(&transaction)
        .await
        .map_err(database)?;
    lock_changeable(&transaction, &context, id).await?;
    keep_an_admin(&admins, id)?;
    let user = store::delete(&transaction, id).await.map_err(database)?;
    sessions::revoke_of_user(&transaction, id, None, "user deleted")
        .await
        .map_err(database)?;
    let details = json!({ "username": user.username });
    let entry = context.entry("user.delete", user.organization, id.to_string(), details);
    audit::append(&transaction, entry).await.map_err(database)?;
    transaction.commit().await.map_err(database)?;
    Ok(user)
}

/// The user, if the caller may change it; nobody else does before the transaction ends.
async fn lock_changeable<C: ConnectionTrait>(
    transaction: &C,
    context: &RequestContext,
    id: Uuid,
) -> Result<UserRow, ApiError> {
    let found = store::lock(transaction, id).await.map_err(database)?;
    let user = visible(context, found)?;
    match Role::parse(&user.role) {
        Some(role) => may_grant(context, role)?,
        None => return Err(ApiError::internal(&"a stored role is none")),
    }
    Ok(user)
}

async fn check_update<C: ConnectionTrait>(
    transaction: &C,
    update: &UpdateUser,
    id: Uuid,
) -> Result<(), ApiError> {
    if let Some(Some(organization)) = update.organization {
        commands::require_organization(transaction, organization).await?;
    }
    let (username, email) = (update.username.as_deref(), update.email.as_deref());
    match store::taken(transaction, username, email, Some(id)).await {
        Ok(None) => Ok(()),
        Ok(Some(field)) => Err(UsersError::Taken(field).into()),
        Err(error) => Err(database(error)),
    }
}

fn visible(context: &RequestContext, user: Option<UserRow>) -> Result<UserRow, ApiError> {
    user.filter(|user| context.principal.reaches(user.organization))
        .ok_or_else(|| ApiError::new(ApiCode::NotFound, "the user does not exist"))
}

/// Nobody makes, or takes over, a user who may do more.
fn may_grant(context: &RequestContext, role: Role) -> Result<(), ApiError> {
    if context.principal.permissions.cover(role.permissions()) {
        return Ok(());
    }
    let message = "the caller lacks permissions that the user's role has";
    Err(ApiError::new(ApiCode::Forbidden, message))
}

fn may_place(context: &RequestContext, organization: Option<OrganizationId>) -> Result<(), ApiError> {
    if context.principal.reaches(organization) {
        return Ok(());
    }
    let message = "a caller of an organization manages users of that organization only";
    Err(ApiError::new(ApiCode::Forbidden, message))
}

fn is_platform_admin(user: &UserRow) -> bool {
    user.is_active && user.role == Role::Admin.word() && user.organization.is_none()
}

/// `admins` are those who were active before.
fn keep_an_admin(admins: &[Uuid], lost: Uuid) -> Result<(), ApiError> {
    if admins == [lost] {
        let message = "the platform keeps at least one active administrator";
        return Err(ApiError::new(ApiCode::Conflict, message));
    }
    Ok(())
}

fn moves(update: &UpdateUser, before: &UserRow) -> bool {
    update.role.is_some_and(|role| role.word() != before.role)
        || update
            .organization
            .is_some_and(|organization| organization != before.organization)
        || update
            .is_active
            .is_some_and(|is_active| is_active != before.is_active)
}

/// Which fields were changed, and to what where that decides what the user may do.
fn told(update: &UpdateUser, password: bool) -> Value {
    let mut fields = Vec::new();
    let mut told = Map::new();
    let named = [
        ("username", update.username.is_some()),
        ("email", update.email.is_some()),
        ("password", password),
        ("full_name", update.full_name.is_some()),
    ];
    fields.extend(named.iter().filter(|(_, is)| *is).map(|(name, _)| *name));
    if let Some(role) = update.role {
        told.insert("role".to_owned(), json!(role.word()));
    }
    if let Some(organization) = update.organization {
        told.insert("organization_id".to_owned(), json!(organization.map(|id| id.0)));
    }
    if let Some(is_active) = update.is_active {
        told.insert("is_active".to_owned(), json!(is_active));
    }
    told.insert("fields".to_owned(), json!(fields));
    Value::Object(told)
}

fn database(error: DbErr) -> ApiError {
    ApiError::database(&error)
}

impl From<UsersError> for ApiError {
    fn from(error: UsersError) -> Self {
        match error {
            UsersError::Invalid { field, reason } => Self::field(field, reason),
            UsersError::Taken(field) => Self::new(ApiCode::Conflict, format!("the {field} is taken")),
            UsersError::Password(error) => Self::internal(&error),
            UsersError::Database(error) => Self::database(&error),
        }
    }
}
