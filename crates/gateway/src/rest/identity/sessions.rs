use std::borrow::Cow;

use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use uuid::Uuid;

use super::fields::{GivenPassword, NewPassword};
use super::users::UserView;
use super::{ORGANIZATION, USER};
use crate::app::identity::sessions::{self, ChangePassword, Login, Tokens};
use crate::auth::{ACCESS_SECONDS, Caller, Permission, Principal, Role};
use crate::error::{ApiCode, ApiError};
use crate::rest::frame::authenticate::Anybody;
use crate::rest::frame::faults::Faults;
use crate::rest::frame::fields::{Count, Field, FieldSchema, Fields, OneOf, Source, Text, words};
use crate::rest::frame::{Answer, Body, Call, Example, Operation, PublicCall, fields, operations, view};

pub fn operations() -> Vec<Operation> {
    operations![
        login.may_fail(&[ApiCode::Unauthorized]),
        refresh_session.may_fail(&[ApiCode::Unauthorized]),
        logout,
        get_current_caller,
        change_password,
    ]
}

view! {
    /// What a session goes on with.
    pub struct TokensView from Tokens as tokens {
        /// For `Authorization: Bearer`.
        access_token: String = "header.payload.signature" => tokens.access.expose_secret().to_owned(),
        /// Counts once, for 7 days.
        refresh_token: String = refresh_token() => tokens.refresh.expose_secret().to_owned(),
        /// `Bearer`.
        token_type: &'static str = "Bearer" => "Bearer",
        /// Seconds until the access token ends.
        expires_in: i64 = ACCESS_SECONDS => ACCESS_SECONDS,
    }
}

fn refresh_token() -> String {
    format!("swr_{}", "x".repeat(43))
}

/// A session that began.
#[derive(Serialize, ToSchema)]
pub struct LoginView {
    #[serde(flatten)]
    tokens: TokensView,
    user: UserView,
}

impl Example for LoginView {
    fn example() -> Value {
        let mut example = TokensView::example();
        example["user"] = UserView::example();
        example
    }
}

words! {
    /// What a caller is.
    pub enum CallerKind as "CallerKind" { User = "user", ApiKey = "api_key" }
}

/// Who asks.
#[derive(Debug, Serialize, ToSchema)]
pub struct MeView {
    #[schema(value_type = CallerKind)]
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
    #[schema(value_type = Option<Role>)]
    role: Option<&'static str>,
    /// Null: the whole platform.
    organization_id: Option<Uuid>,
    #[schema(value_type = Vec<Permission>)]
    permissions: Vec<&'static str>,
}

impl From<&Principal> for MeView {
    fn from(principal: &Principal) -> Self {
        let (kind, id) = match &principal.caller {
            Caller::Key { id, .. } => (CallerKind::ApiKey, id),
            Caller::User { id, .. } => (CallerKind::User, id),
        };
        let mut view = Self {
            kind: kind.word(),
            id: *id,
            username: None,
            name: None,
            role: None,
            organization_id: principal.organization.map(|id| id.0),
            permissions: principal.permissions.words(),
        };
        match &principal.caller {
            Caller::Key { name, .. } => view.name = Some(name.clone()),
            Caller::User { username, role, .. } => {
                view.username = Some(username.clone());
                view.role = Some(role.word());
            }
        }
        view
    }
}

impl Example for MeView {
    fn example() -> Value {
        json!({
            "kind": "user", "id": USER, "username": "ada", "role": "readonly", "organization_id": ORGANIZATION,
            "permissions": ["read:sims", "read:usage"],
        })
    }
}

view! {
    /// Sessions that ended.
    pub struct EndedView {
        sessions_ended: u64 = 1,
    }
}

/// A user's name one way or the other, and the password.
#[derive(Debug)]
pub struct LoginBody {
    name: String,
    password: SecretString,
}

type LoginName = Text<1, 254>;

// Not by `fields!`: exactly one of two fields has to be there.
impl Fields for LoginBody {
    const NAME: &'static str = "LoginBody";
    const DESCRIPTION: &'static str = "A name and its password.";
    const NAMES: &'static [&'static str] = &["username", "email", "password"];
    const COUNT: Count = Count::Any;

    fn take(source: &mut Source, faults: &mut Faults) -> Option<Self> {
        let username = source.slot::<Option<LoginName>>("username", faults);
        let email = source.slot::<Option<LoginName>>("email", faults);
        let password = source.slot::<GivenPassword>("password", faults);
        let name = match (username, email) {
            (Some(Some(name)), Some(None)) | (Some(None), Some(Some(name))) => Some(name),
            (Some(None), Some(None)) => {
                faults.add("username", "is missing");
                None
            }
            (_, Some(Some(_))) => {
                faults.add("email", "is not given together with username");
                None
            }
            _ => None,
        };
        Some(Self {
            name: name?.0,
            password: password?.0,
        })
    }

    fn describe() -> Vec<FieldSchema> {
        let username = "The username or the e-mail address; an address may be given as `email` instead.";
        vec![
            FieldSchema::of::<Option<LoginName>>("username", username),
            FieldSchema::of::<Option<LoginName>>("email", ""),
            FieldSchema::of::<GivenPassword>("password", ""),
        ]
    }
}

impl Example for LoginBody {
    fn example() -> Value {
        json!({ "username": "ada", "password": "a long pass phrase" })
    }
}

/// A refresh token as it was given.
#[derive(Debug)]
pub struct RefreshToken(SecretString);

impl Field for RefreshToken {
    fn rule() -> Cow<'static, str> {
        "is a text".into()
    }

    fn schema() -> RefOr<Schema> {
        Schema::from(ObjectBuilder::new().schema_type(Type::String)).into()
    }

    fn read(value: &Value) -> Option<Self> {
        Some(Self(value.as_str()?.into()))
    }
}

fields! {
    /// A refresh token.
    pub struct RefreshBody {
        refresh_token: RefreshToken = refresh_token(),
    }
}

fields! {
    /// The current password and a new one.
    pub struct PasswordBody {
        current_password: GivenPassword = "a long pass phrase",
        new_password: NewPassword = "another pass phrase",
    }
}

/// Log in
///
/// The access token counts for 30 minutes, the refresh token once within 7 days. After 10 failures of a name or 50 of
/// a client address within 15 minutes the answer is 429 until those are over.
#[utoipa::path(post, path = "/api/v1/auth/login", tag = "Auth")]
async fn login(call: PublicCall, body: Body<LoginBody>) -> Result<Answer<LoginView>, ApiError> {
    let LoginBody { name, password } = body.value;
    let begun = call.run(|gateway, origin| sessions::login(gateway, origin, Login { name, password }));
    let (tokens, user) = begun.await?;
    Ok(Answer(LoginView {
        tokens: tokens.into(),
        user: user.into(),
    }))
}

/// Trade a refresh token for new tokens
///
/// A token that was used before ends its session: somebody has a copy.
#[utoipa::path(post, path = "/api/v1/auth/refresh", tag = "Auth")]
async fn refresh_session(call: PublicCall, body: Body<RefreshBody>) -> Result<Answer<TokensView>, ApiError> {
    let RefreshToken(token) = body.value.refresh_token;
    let tokens = call.run(|gateway, origin| sessions::refresh(gateway, origin, token));
    Ok(Answer(tokens.await?.into()))
}

/// End the session
///
/// Its access token is refused within a second. For users.
#[utoipa::path(post, path = "/api/v1/auth/logout", tag = "Auth")]
async fn logout(call: Call<Anybody>) -> Result<Answer<EndedView>, ApiError> {
    let sessions_ended = call.run(sessions::logout).await?;
    Ok(Answer(EndedView { sessions_ended }))
}

/// Who the caller is, and what it may do
///
/// A user or an API key; `permissions` are what the other operations name.
#[utoipa::path(get, path = "/api/v1/auth/me", tag = "Auth")]
async fn get_current_caller(call: Call<Anybody>) -> Result<Answer<MeView>, ApiError> {
    Ok(Answer(call.principal().into()))
}

/// Change the own password
///
/// All other sessions of the user end. For users.
#[utoipa::path(put, path = "/api/v1/auth/password", tag = "Auth")]
async fn change_password(
    call: Call<Anybody>,
    body: Body<PasswordBody>,
) -> Result<Answer<EndedView>, ApiError> {
    let change = ChangePassword {
        current: body.value.current_password.0,
        new: body.value.new_password.0,
    };
    let ended = call.run(|gateway, context| sessions::change_password(gateway, context, change));
    Ok(Answer(EndedView {
        sessions_ended: ended.await?,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rest::frame::reading::{bad_fields, read};

    #[test]
    fn a_login_names_a_user_one_way() {
        let password = "x";
        let bad = bad_fields::<LoginBody>;
        assert!(bad(json!({ "username": "ada", "password": password })).is_empty());
        assert!(bad(json!({ "email": "ada@example.org", "password": password })).is_empty());
        let both = json!({ "username": "ada", "email": "a@b.c", "password": password });
        assert_eq!(bad(both), ["email"]);
        assert_eq!(bad(json!({})), ["password", "username"]);
        assert_eq!(
            bad(json!({ "username": 1, "password": null, "x": 1 })),
            ["password", "username", "x"]
        );
    }

    #[test]
    fn a_fault_does_not_repeat_a_password() {
        let body = json!({ "current_password": "x".repeat(200), "new_password": "hunter2" });
        let error = read::<PasswordBody>(body).unwrap_err();
        assert_eq!(error.fields.len(), 2);
        assert!(!format!("{error:?}").contains("hunter2"));
    }
}
