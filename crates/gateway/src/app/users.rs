//! Users: the rules for their fields, and the first administrator, whom a command makes.

use domain::OrganizationId;
use messages::pb::common::Actor;
use sea_orm::{DbErr, SqlErr, TransactionTrait};
use secrecy::SecretString;
use serde_json::json;
use service_runtime::db::Db;
use uuid::Uuid;

use crate::auth::{PasswordError, Passwords, Role};
use crate::store::audit::{self, AuditEntry};
use crate::store::users::{self as store, NewUserRow};
use crate::store::{organizations, users::UserRow};

/// What a username looks like.
pub(crate) const USERNAME: &str = "has 1 to 64 characters of a-z, 0-9, dot, underscore, @ and dash";
/// What an e-mail address looks like.
pub(crate) const EMAIL: &str = "is an e-mail address of at most 254 characters";
/// How long a password is.
pub(crate) const PASSWORD: &str = "has 12 to 128 characters";
/// What a full name looks like.
pub(crate) const FULL_NAME: &str =
    "is a text of 1 to 255 characters, none of them a control character, or null";

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
    let checks = [
        ("username", is_username(&new.username), USERNAME),
        ("email", is_email(&new.email), EMAIL),
        (
            "full_name",
            new.full_name.as_deref().is_none_or(is_full_name),
            FULL_NAME,
        ),
        ("password", Passwords::fits(&password), PASSWORD),
    ];
    for (field, fits, reason) in checks {
        if !fits {
            return Err(UsersError::Invalid { field, reason });
        }
    }
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

pub(crate) fn is_username(text: &str) -> bool {
    let plain = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || b"._@-".contains(&c);
    (1..=64).contains(&text.len()) && text.bytes().all(plain)
}

/// Something before one `@`, behind it a domain with a dot; whether it exists only a letter tells.
pub(crate) fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else {
        return false;
    };
    let label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| c.is_alphanumeric() || c == '-')
    };
    let visible = |c: char| !c.is_whitespace() && !c.is_control() && c != '@';
    (1..=64).contains(&local.chars().count())
        && local.chars().all(visible)
        && domain.contains('.')
        && domain.split('.').all(label)
        && text.chars().count() <= 254
}

pub(crate) fn is_full_name(text: &str) -> bool {
    !text.trim().is_empty() && text.chars().count() <= 255 && !text.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_username_has_few_plain_characters() {
        for good in ["a", "ada.lovelace_1@site-2", &"x".repeat(64)] {
            assert!(is_username(good), "{good}");
        }
        for bad in ["", "Ada", "a b", "\u{e4}da", "a/b", "a\n", &"x".repeat(65)] {
            assert!(!is_username(bad), "{bad}");
        }
    }

    #[test]
    fn an_email_address_has_a_domain() {
        for good in ["a@b.c", "Ada+sims@mail.example.org", "\u{e4}da@b\u{fc}ro.example"] {
            assert!(is_email(good), "{good}");
        }
        let long = format!("{}@example.org", "x".repeat(65));
        for bad in [
            "",
            "a",
            "@b.c",
            "a@",
            "a@b",
            "a@b..c",
            "a@@b.c",
            "a@b.c@d.e",
            "a b@c.d",
            "a@b.c\n",
            "a@-b.c",
            &long,
        ] {
            assert!(!is_email(bad), "{bad}");
        }
    }
}
