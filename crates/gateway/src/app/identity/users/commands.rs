//! The first administrator, whom a command makes, and what every new user has in common.

use domain::OrganizationId;
use messages::pb::common::Actor;
use sea_orm::{DbErr, SqlErr, TransactionTrait};
use secrecy::SecretString;
use serde_json::json;
use service_runtime::db::Db;
use uuid::Uuid;

use super::fields::{EMAIL, FULL_NAME, PASSWORD, USERNAME, is_email, is_full_name, is_username};
use crate::auth::{PasswordError, Passwords, Role};
use crate::store::audit::{self, AuditEntry};
use crate::store::identity::organizations;
use crate::store::identity::users::{self as store, NewUserRow, UserRow};

/// Why a user was not made.
#[derive(Debug, thiserror::Error)]
pub enum UsersError {
    /// A field cannot be accepted.
    #[error("{field} {reason}")]
    Invalid {
        /// Which one.
        field: &'static str,
        /// What it must be like.
        reason: &'static str,
    },
    /// Another user, perhaps a deleted one, has it.
    #[error("the {0} is taken")]
    Taken(&'static str),
    /// The password was not hashed.
    #[error("{0}")]
    Password(String),
    /// The database failed.
    #[error("database: {0}")]
    Database(#[from] DbErr),
}

impl From<PasswordError> for UsersError {
    fn from(error: PasswordError) -> Self {
        Self::Password(error.to_string())
    }
}

/// An administrator to be made by a command.
#[derive(Debug, Clone)]
pub struct NewAdmin {
    /// 1 to 64 characters of a-z, 0-9 and `._@-`.
    pub username: String,
    /// Where the user is written to.
    pub email: String,
    /// What the user is called.
    pub full_name: Option<String>,
    /// `None`: the whole platform.
    pub organization: Option<OrganizationId>,
}

/// Makes an administrator and writes that down; the user's id.
///
/// # Errors
/// When a field cannot be accepted, the name or address is taken, or the database fails.
pub async fn create_admin(db: &Db, new: NewAdmin, password: SecretString) -> Result<Uuid, UsersError> {
    check("username", is_username(&new.username), USERNAME)?;
    check("email", is_email(&new.email), EMAIL)?;
    check(
        "full_name",
        new.full_name.as_deref().is_none_or(is_full_name),
        FULL_NAME,
    )?;
    check("password", Passwords::fits(&password), PASSWORD)?;
    let row = NewUserRow {
        username: new.username,
        email: new.email,
        password_hash: Passwords::default().hash(password).await?,
        full_name: new.full_name,
        role: Role::Admin.word(),
        organization: new.organization,
        is_active: true,
    };
    let user = insert(db, row, |user| AuditEntry {
        actor: Actor {
            kind: "system".to_owned(),
            id: "cli".to_owned(),
        },
        organization: user.organization,
        action: "user.create".to_owned(),
        subject: user.id.to_string(),
        request_id: String::new(),
        remote_addr: None,
        details: created(user),
    })
    .await?;
    Ok(user.id)
}

const fn check(field: &'static str, fits: bool, reason: &'static str) -> Result<(), UsersError> {
    if fits {
        Ok(())
    } else {
        Err(UsersError::Invalid { field, reason })
    }
}

/// Writes a new user, with the row of the audit log that `entry` makes of it.
pub(crate) async fn insert(
    db: &Db,
    row: NewUserRow,
    entry: impl FnOnce(&UserRow) -> AuditEntry,
) -> Result<UserRow, UsersError> {
    let transaction = db.orm().begin().await?;
    if let Some(organization) = row.organization {
        require_organization(&transaction, organization).await?;
    }
    let taken = store::taken(&transaction, Some(&row.username), Some(&row.email), None).await?;
    if let Some(field) = taken {
        return Err(UsersError::Taken(field));
    }
    let user = store::insert(&transaction, row).await.map_err(taken_at_once)?;
    audit::append(&transaction, entry(&user)).await?;
    transaction.commit().await?;
    Ok(user)
}

/// What the audit log tells of a new user.
pub(crate) fn created(user: &UserRow) -> serde_json::Value {
    json!({ "username": user.username, "role": user.role, "is_active": user.is_active })
}

pub(crate) async fn require_organization<C: sea_orm::ConnectionTrait>(
    connection: &C,
    id: OrganizationId,
) -> Result<(), UsersError> {
    if organizations::exists(connection, id).await? {
        Ok(())
    } else {
        let (field, reason) = ("organization_id", "is no organization");
        Err(UsersError::Invalid { field, reason })
    }
}

/// Two made the same name at once.
pub(crate) fn taken_at_once(error: DbErr) -> UsersError {
    match error.sql_err() {
        Some(SqlErr::UniqueConstraintViolation(what)) if what.contains("users_email") => {
            UsersError::Taken("email")
        }
        Some(SqlErr::UniqueConstraintViolation(_)) => UsersError::Taken("username"),
        _ => UsersError::Database(error),
    }
}
