//! Users, keys and organizations as they are answered.

use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::app::identity::Tokens;
use crate::app::keys::{CreatedKey, KeyInfo};
use crate::auth::{ACCESS_SECONDS, Caller, Principal};
use crate::store::organizations::OrganizationRow;
use crate::store::users::UserRow;

/// A user.
#[derive(Debug, Serialize, ToSchema)]
pub struct UserView {
    id: Uuid,
    username: String,
    email: String,
    full_name: Option<String>,
    /// `admin`, `user` or `readonly`.
    role: String,
    /// Null: the whole platform.
    organization_id: Option<Uuid>,
    is_active: bool,
    created_at: DateTime<Utc>,
    last_login_at: Option<DateTime<Utc>>,
}

impl From<UserRow> for UserView {
    fn from(user: UserRow) -> Self {
        Self {
            id: user.id,
            username: user.username,
            email: user.email,
            full_name: user.full_name,
            role: user.role,
            organization_id: user.organization.map(|id| id.0),
            is_active: user.is_active,
            created_at: user.created_at,
            last_login_at: user.last_login_at,
        }
    }
}

/// A session that began.
#[derive(Serialize, ToSchema)]
pub struct LoginView {
    #[serde(flatten)]
    tokens: TokensView,
    user: UserView,
}

/// What a session goes on with.
#[derive(Serialize, ToSchema)]
pub struct TokensView {
    /// For `Authorization: Bearer`.
    access_token: String,
    /// Counts once, for 7 days.
    refresh_token: String,
    /// `Bearer`.
    token_type: &'static str,
    /// Seconds until the access token ends.
    expires_in: i64,
}

impl LoginView {
    pub fn new(tokens: &Tokens, user: UserRow) -> Self {
        Self {
            tokens: tokens.into(),
            user: user.into(),
        }
    }
}

impl From<&Tokens> for TokensView {
    fn from(tokens: &Tokens) -> Self {
        Self {
            access_token: tokens.access.expose_secret().to_owned(),
            refresh_token: tokens.refresh.expose_secret().to_owned(),
            token_type: "Bearer",
            expires_in: ACCESS_SECONDS,
        }
    }
}

/// Who asks.
#[derive(Debug, Serialize, ToSchema)]
pub struct MeView {
    /// `user` or `api_key`.
    kind: &'static str,
    id: Uuid,
    /// Of a user.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    username: Option<String>,
    /// Of an API key.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    name: Option<String>,
    /// Null for an API key.
    role: Option<&'static str>,
    /// Null: the whole platform.
    organization_id: Option<Uuid>,
    permissions: Vec<&'static str>,
}

impl From<&Principal> for MeView {
    fn from(principal: &Principal) -> Self {
        let (kind, id, username, name, role) = match &principal.caller {
            Caller::Key { id, name, .. } => ("api_key", id, None, Some(name), None),
            Caller::User {
                id, username, role, ..
            } => ("user", id, Some(username), None, Some(role.word())),
        };
        Self {
            kind,
            id: *id,
            username: username.cloned(),
            name: name.cloned(),
            role,
            organization_id: principal.organization.map(|id| id.0),
            permissions: principal.permissions.words(),
        }
    }
}

/// An API key without its secret.
#[derive(Debug, Serialize, ToSchema)]
pub struct KeyView {
    id: Uuid,
    name: String,
    description: Option<String>,
    scopes: Vec<String>,
    /// The visible part.
    key_prefix: String,
    /// Null: the whole platform.
    organization_id: Option<Uuid>,
    expires_at: Option<DateTime<Utc>>,
    rate_limit_per_minute: i32,
    rate_limit_per_hour: i32,
    /// Some seconds late.
    last_used_at: Option<DateTime<Utc>>,
    /// Some seconds late.
    usage_count: i64,
    /// Neither revoked nor expired.
    is_active: bool,
    created_at: DateTime<Utc>,
    /// Who made it.
    created_by: String,
}

impl From<KeyInfo> for KeyView {
    fn from(key: KeyInfo) -> Self {
        Self {
            is_active: key.revoked_at.is_none() && key.expires_at.is_none_or(|end| end > Utc::now()),
            id: key.id,
            name: key.name,
            description: key.description,
            scopes: key.scopes,
            key_prefix: key.prefix,
            organization_id: key.organization.map(|id| id.0),
            expires_at: key.expires_at,
            rate_limit_per_minute: key.rate_limit_per_minute,
            rate_limit_per_hour: key.rate_limit_per_hour,
            last_used_at: key.last_used_at,
            usage_count: key.usage_count,
            created_at: key.created_at,
            created_by: key.created_by,
        }
    }
}

/// A new API key with its text, which is never shown again.
#[derive(Serialize, ToSchema)]
pub struct NewKeyView {
    #[serde(flatten)]
    info: KeyView,
    /// For `X-API-Key`.
    #[serde(serialize_with = "exposed")]
    #[schema(value_type = String)]
    key: SecretString,
}

impl NewKeyView {
    pub fn new(created: CreatedKey, info: KeyInfo) -> Self {
        Self {
            info: info.into(),
            key: created.key,
        }
    }
}

fn exposed<S: serde::Serializer>(key: &SecretString, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(key.expose_secret())
}

/// Whose SIMs, users and keys they are.
#[derive(Debug, Serialize, ToSchema)]
pub struct OrganizationView {
    id: Uuid,
    name: String,
    slug: String,
    created_at: DateTime<Utc>,
}

impl From<OrganizationRow> for OrganizationView {
    fn from(organization: OrganizationRow) -> Self {
        Self {
            id: organization.id.0,
            name: organization.name,
            slug: organization.slug,
            created_at: organization.created_at,
        }
    }
}

/// Sessions that ended.
#[derive(Debug, Serialize, ToSchema)]
pub struct EndedView {
    pub sessions_ended: u64,
}
