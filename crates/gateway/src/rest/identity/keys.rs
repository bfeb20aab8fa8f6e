use std::borrow::Cow;

use chrono::{DateTime, Utc};
use domain::OrganizationId;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, Schema, SchemaFormat, Type};
use uuid::Uuid;

use super::ORGANIZATION;
use crate::app::identity::keys::commands::{
    CreatedKey, DEFAULT_PER_HOUR, DEFAULT_PER_MINUTE, KeyInfo, NewKey, RATE_LIMIT_MAX,
};
use crate::app::identity::keys::{self, UpdateKey};
use crate::auth::Permission;
use crate::error::{ApiCode, ApiError};
use crate::rest::frame::authenticate::AdminUsers;
use crate::rest::frame::fields::{Field, Name, Nullable, Number, Text, Words};
use crate::rest::frame::page::AfterId;
use crate::rest::frame::view::Told;
use crate::rest::frame::{
    Answer, Body, Call, Created, Example, InPath, Listed, Once, Operation, Query, fields, operations, view,
};

pub fn operations() -> Vec<Operation> {
    operations![
        list_api_keys,
        get_api_key,
        create_api_key,
        update_api_key.may_fail(&[ApiCode::Conflict]),
        revoke_api_key,
    ]
}

view! {
    /// An API key without its secret.
    pub struct KeyView from KeyInfo as key {
        id: Uuid,
        name: String = "dashboard",
        description: Option<String>,
        scopes: Vec<Told<Permission>> = ["read:sims", "read:usage"],
        /// The visible part.
        key_prefix: String = "abcdefgh" => key.prefix,
        /// Null: the whole platform.
        organization_id: Option<Uuid> = ORGANIZATION => key.organization.map(|id| id.0),
        expires_at: Option<DateTime<Utc>>,
        rate_limit_per_minute: i32 = 600,
        rate_limit_per_hour: i32 = 1000,
        /// Some seconds late.
        last_used_at: Option<DateTime<Utc>>,
        /// Some seconds late.
        usage_count: i64,
        /// Neither revoked nor expired.
        is_active: bool = true => key.revoked_at.is_none() && key.expires_at.is_none_or(|end| end > Utc::now()),
        created_at: DateTime<Utc>,
        /// Who made it.
        created_by: String = "ada",
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
    fn new(created: CreatedKey, info: KeyInfo) -> Self {
        Self {
            info: info.into(),
            key: created.key,
        }
    }
}

fn exposed<S: serde::Serializer>(key: &SecretString, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(key.expose_secret())
}

impl Example for NewKeyView {
    fn example() -> Value {
        let mut example = KeyView::example();
        example["key"] = json!(format!("sw_abcdefgh_{}", "x".repeat(43)));
        example
    }
}

/// The end of a key's time.
#[derive(Debug, Clone, Copy)]
pub struct Future(DateTime<Utc>);

impl Field for Future {
    fn rule() -> Cow<'static, str> {
        "is a time in the future (RFC 3339)".into()
    }

    fn schema() -> RefOr<Schema> {
        let text = ObjectBuilder::new().schema_type(Type::String);
        let format = SchemaFormat::KnownFormat(KnownFormat::DateTime);
        Schema::from(text.format(Some(format))).into()
    }

    fn read(value: &Value) -> Option<Self> {
        let end = DateTime::parse_from_rfc3339(value.as_str()?).ok()?.to_utc();
        (end > Utc::now()).then_some(Self(end))
    }
}

/// Requests in a minute or an hour; without a default where that is 0.
type RateLimit<const DEFAULT: u32 = 0> = Number<1, RATE_LIMIT_MAX, DEFAULT>;

fields! {
    /// A new API key.
    pub struct NewKeyBody {
        name: Name = "dashboard",
        description: Option<Nullable<Text<0, 1000>>>,
        scopes: Words<Permission> = ["read:sims", "read:usage"],
        /// Absent or null: the caller's own, or the whole platform.
        organization_id: Option<Nullable<OrganizationId>> = ORGANIZATION,
        /// In the future; null: without end.
        expires_at: Option<Nullable<Future>>,
        rate_limit_per_minute: RateLimit<DEFAULT_PER_MINUTE> = 600,
        rate_limit_per_hour: RateLimit<DEFAULT_PER_HOUR>,
    }
}

impl From<NewKeyBody> for NewKey {
    fn from(body: NewKeyBody) -> Self {
        Self {
            description: body.description.and_then(|text| text.0).map(|text| text.0),
            organization: body.organization_id.and_then(|id| id.0),
            expires_at: body.expires_at.and_then(|end| end.0).map(|end| end.0),
            rate_limit_per_minute: body.rate_limit_per_minute.get().cast_signed(),
            rate_limit_per_hour: body.rate_limit_per_hour.get().cast_signed(),
            ..Self::new(body.name.0, body.scopes.0)
        }
    }
}

fields! {
    /// What of an API key is to change. At least one field.
    pub struct UpdateKeyBody: change {
        name: Option<Name>,
        /// Null removes it.
        description: Option<Nullable<Text<0, 1000>>>,
        scopes: Option<Words<Permission>> = ["read:sims"],
        /// In the future; null: without end.
        expires_at: Option<Nullable<Future>> = "2030-01-01T00:00:00Z",
        rate_limit_per_minute: Option<RateLimit>,
        rate_limit_per_hour: Option<RateLimit>,
    }
}

impl From<UpdateKeyBody> for UpdateKey {
    fn from(body: UpdateKeyBody) -> Self {
        let limit = |limit: RateLimit| limit.get().cast_signed();
        Self {
            name: body.name.map(|name| name.0),
            description: body.description.map(|text| text.0.map(|text| text.0)),
            scopes: body.scopes.map(|scopes| scopes.0),
            expires_at: body.expires_at.map(|end| end.0.map(|end| end.0)),
            rate_limit_per_minute: body.rate_limit_per_minute.map(limit),
            rate_limit_per_hour: body.rate_limit_per_hour.map(limit),
        }
    }
}

/// A page of API keys
///
/// The newest first, revoked ones too. An organization's caller sees its own.
#[utoipa::path(get, path = "/api/v1/api-keys", tag = "API keys")]
async fn list_api_keys(
    call: Call<AdminUsers>,
    Query(page): Query<AfterId>,
) -> Result<Listed<KeyView>, ApiError> {
    let (before, limit) = (page.after(), page.limit());
    let found =
        call.run(|gateway, context| async move { keys::list(&gateway, &context, before, limit).await });
    Ok(page.cut(found.await?, |row| row.id))
}

/// One API key
///
/// Without its text, which only its maker has seen. A revoked one too.
#[utoipa::path(get, path = "/api/v1/api-keys/{id}", tag = "API keys")]
async fn get_api_key(call: Call<AdminUsers>, InPath(id): InPath<Uuid>) -> Result<Answer<KeyView>, ApiError> {
    let found = call.run(|gateway, context| async move { keys::get(&gateway, &context, id).await });
    Ok(Answer(found.await?.into()))
}

/// Make an API key
///
/// Nobody makes a key that may do more than himself; an organization's caller makes keys of that organization only.
#[utoipa::path(post, path = "/api/v1/api-keys", tag = "API keys")]
async fn create_api_key(
    call: Call<AdminUsers>,
    body: Body<NewKeyBody>,
) -> Result<Once<Created<NewKeyView>>, ApiError> {
    let new = NewKey::from(body.value);
    call.once(&body.bytes, move |call, _| async move {
        let made = call.run(|gateway, context| keys::create(gateway, context, new));
        let (created, info) = made.await?;
        Ok(Created(NewKeyView::new(created, info)))
    })
    .await
}

/// Change an API key
///
/// Takes effect within a second. A revoked key cannot be changed.
#[utoipa::path(put, path = "/api/v1/api-keys/{id}", tag = "API keys")]
async fn update_api_key(
    call: Call<AdminUsers>,
    InPath(id): InPath<Uuid>,
    body: Body<UpdateKeyBody>,
) -> Result<Answer<KeyView>, ApiError> {
    let update = UpdateKey::from(body.value);
    let changed = call.run(|gateway, context| keys::update(gateway, context, id, update));
    Ok(Answer(changed.await?.into()))
}

/// Revoke an API key
///
/// For ever; it is refused within a second.
#[utoipa::path(delete, path = "/api/v1/api-keys/{id}", tag = "API keys")]
async fn revoke_api_key(
    call: Call<AdminUsers>,
    InPath(id): InPath<Uuid>,
) -> Result<Answer<KeyView>, ApiError> {
    let left = call.run(|gateway, context| keys::revoke(gateway, context, id));
    Ok(Answer(left.await?.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rest::frame::reading::bad_fields;

    #[test]
    fn every_bad_field_of_a_key_is_named_at_once() {
        let body = json!({
            "name": " ", "description": 1, "scopes": ["read:sims", "read:everything"], "expires_at": "2020-01-01T00:00:00Z",
            "rate_limit_per_minute": 0, "rate_limit_per_hour": 1_000_000_001, "colour": "red",
        });
        let all = [
            "colour",
            "description",
            "expires_at",
            "name",
            "rate_limit_per_hour",
            "rate_limit_per_minute",
            "scopes",
        ];
        assert_eq!(bad_fields::<NewKeyBody>(body.clone()), all);
        assert_eq!(bad_fields::<UpdateKeyBody>(body), all);
        assert_eq!(
            bad_fields::<NewKeyBody>(json!({ "name": "x", "scopes": [] })),
            ["scopes"]
        );
        let limits = json!({ "rate_limit_per_minute": 1_000_000, "rate_limit_per_hour": 1 });
        assert!(bad_fields::<UpdateKeyBody>(limits).is_empty());
    }
}
