//! Bodies of the routes of identity for the documentation; `identity_body` is what counts.
#![allow(dead_code, reason = "the fields are the documented bodies")]

use chrono::{DateTime, Utc};
use utoipa::ToSchema;
use utoipa::openapi::schema::{Array, ArrayBuilder, Object};
use uuid::Uuid;

use super::docs_examples::words;
use crate::auth::{Permission, Role};

/// A name and its password.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LoginBody {
    /// The username or the e-mail address; an address may be given as `email` instead.
    #[schema(min_length = 1, max_length = 254, nullable = false)]
    username: Option<String>,
    #[schema(min_length = 1, max_length = 254, nullable = false)]
    email: Option<String>,
    #[schema(max_length = 128, format = Password)]
    password: String,
}

/// A refresh token.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RefreshBody {
    refresh_token: String,
}

/// The current password and a new one.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordBody {
    #[schema(max_length = 128, format = Password)]
    current_password: String,
    #[schema(min_length = 12, max_length = 128, format = Password)]
    new_password: String,
}

/// A new user.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewUserBody {
    #[schema(pattern = "^[a-z0-9._@-]{1,64}$")]
    username: String,
    #[schema(max_length = 254, format = Email)]
    email: String,
    #[schema(min_length = 12, max_length = 128, format = Password)]
    password: String,
    #[schema(min_length = 1, max_length = 255)]
    full_name: Option<String>,
    #[schema(schema_with = roles)]
    role: String,
    /// Absent or null: the caller's own, or the whole platform.
    organization_id: Option<Uuid>,
    #[schema(nullable = false, default = true)]
    is_active: Option<bool>,
}

/// What of a user is to change. At least one field.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(min_properties = 1)]
pub struct UpdateUserBody {
    #[schema(pattern = "^[a-z0-9._@-]{1,64}$", nullable = false)]
    username: Option<String>,
    #[schema(max_length = 254, format = Email, nullable = false)]
    email: Option<String>,
    #[schema(min_length = 12, max_length = 128, format = Password, nullable = false)]
    password: Option<String>,
    /// Null removes it.
    #[schema(min_length = 1, max_length = 255)]
    full_name: Option<String>,
    #[schema(schema_with = roles)]
    role: Option<String>,
    /// Null: the whole platform.
    organization_id: Option<Uuid>,
    #[schema(nullable = false)]
    is_active: Option<bool>,
}

/// A new API key.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewKeyBody {
    #[schema(min_length = 1, max_length = 255)]
    name: String,
    #[schema(max_length = 1000)]
    description: Option<String>,
    #[schema(schema_with = scope_list)]
    scopes: Vec<String>,
    /// Absent or null: the caller's own, or the whole platform.
    organization_id: Option<Uuid>,
    /// In the future; null: without end.
    expires_at: Option<DateTime<Utc>>,
    #[schema(minimum = 1, maximum = 1_000_000_000, default = 100, nullable = false)]
    rate_limit_per_minute: Option<i32>,
    #[schema(minimum = 1, maximum = 1_000_000_000, default = 1000, nullable = false)]
    rate_limit_per_hour: Option<i32>,
}

/// What of an API key is to change. At least one field.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(min_properties = 1)]
pub struct UpdateKeyBody {
    #[schema(min_length = 1, max_length = 255, nullable = false)]
    name: Option<String>,
    /// Null removes it.
    #[schema(max_length = 1000)]
    description: Option<String>,
    #[schema(schema_with = scope_list)]
    scopes: Option<Vec<String>>,
    /// In the future; null: without end.
    expires_at: Option<DateTime<Utc>>,
    #[schema(minimum = 1, maximum = 1_000_000_000, nullable = false)]
    rate_limit_per_minute: Option<i32>,
    #[schema(minimum = 1, maximum = 1_000_000_000, nullable = false)]
    rate_limit_per_hour: Option<i32>,
}

/// A new organization.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewOrganizationBody {
    #[schema(min_length = 1, max_length = 255)]
    name: String,
    #[schema(pattern = "^[a-z0-9-]{1,32}$")]
    slug: String,
}

fn roles() -> Object {
    words(&Role::ALL.map(Role::word), None)
}

fn scope_list() -> Array {
    ArrayBuilder::new()
        .items(words(&Permission::ALL.map(Permission::word), None))
        .min_items(Some(1))
        .build()
}
