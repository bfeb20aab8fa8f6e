use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::fields::{Email, NewPassword, Username};
use super::{ORGANIZATION, USER};
use crate::app::identity::users::{self, NewUser, UpdateUser};
use crate::auth::Role;
use crate::error::{ApiCode, ApiError};
use crate::rest::frame::authenticate::AdminUsers;
use crate::rest::frame::example::TIME;
use crate::rest::frame::fields::{Flag, Name, Nullable, Word};
use crate::rest::frame::page::AfterId;
use crate::rest::frame::view::Told;
use crate::rest::frame::{
    Answer, Body, Call, Created, InPath, Listed, Once, Operation, Query, fields, operations, view,
};
use crate::store::identity::users::UserRow;
use domain::OrganizationId;

pub fn operations() -> Vec<Operation> {
    operations![
        list_users,
        get_user,
        create_user,
        update_user.may_fail(&[ApiCode::Conflict]),
        delete_user.may_fail(&[ApiCode::Conflict]),
    ]
}

view! {
    /// A user.
    pub struct UserView from UserRow as user {
        id: Uuid = USER,
        username: String = "ada",
        email: String = "ada@example.org",
        full_name: Option<String> = "Ada Lovelace",
        role: Told<Role> = "user",
        /// Null: the whole platform.
        organization_id: Option<Uuid> = ORGANIZATION => user.organization.map(|id| id.0),
        is_active: bool = true,
        created_at: DateTime<Utc>,
        last_login_at: Option<DateTime<Utc>> = TIME,
    }
}

fields! {
    /// A new user.
    pub struct NewUserBody {
        username: Username = "ada",
        email: Email = "ada@example.org",
        password: NewPassword = "a long pass phrase",
        full_name: Option<Nullable<Name>> = "Ada Lovelace",
        role: Word<Role> = "user",
        /// Absent or null: the caller's own, or the whole platform.
        organization_id: Option<Nullable<OrganizationId>> = ORGANIZATION,
        is_active: Flag<true>,
    }
}

impl From<NewUserBody> for NewUser {
    fn from(body: NewUserBody) -> Self {
        Self {
            username: body.username.0,
            email: body.email.0,
            password: body.password.0,
            full_name: body.full_name.and_then(|name| name.0).map(|name| name.0),
            role: body.role.0,
            organization: body.organization_id.and_then(|id| id.0),
            is_active: body.is_active.0,
        }
    }
}

fields! {
    /// What of a user is to change. At least one field.
    pub struct UpdateUserBody: change {
        username: Option<Username>,
        email: Option<Email>,
        password: Option<NewPassword>,
        /// Null removes it.
        full_name: Option<Nullable<Name>>,
        role: Option<Word<Role>> = "readonly",
        /// Null: the whole platform.
        organization_id: Option<Nullable<OrganizationId>>,
        is_active: Option<bool> = true,
    }
}

impl From<UpdateUserBody> for UpdateUser {
    fn from(body: UpdateUserBody) -> Self {
        Self {
            username: body.username.map(|username| username.0),
            email: body.email.map(|email| email.0),
            password: body.password.map(|password| password.0),
            full_name: body.full_name.map(|name| name.0.map(|name| name.0)),
            role: body.role.map(|role| role.0),
            organization: body.organization_id.map(|id| id.0),
            is_active: body.is_active,
        }
    }
}

/// A page of users
///
/// The oldest first. An organization's caller sees its own.
#[utoipa::path(get, path = "/api/v1/users", tag = "Users")]
async fn list_users(
    call: Call<AdminUsers>,
    Query(page): Query<AfterId>,
) -> Result<Listed<UserView>, ApiError> {
    let (after, limit) = (page.after(), page.limit());
    let found =
        call.run(|gateway, context| async move { users::list(&gateway, &context, after, limit).await });
    Ok(page.cut(found.await?, |row| row.id))
}

/// One user
///
/// Of the caller's organization, or any for a caller of the whole platform.
#[utoipa::path(get, path = "/api/v1/users/{id}", tag = "Users")]
async fn get_user(call: Call<AdminUsers>, InPath(id): InPath<Uuid>) -> Result<Answer<UserView>, ApiError> {
    let found = call.run(|gateway, context| async move { users::get(&gateway, &context, id).await });
    Ok(Answer(found.await?.into()))
}

/// Make a user
///
/// Nobody makes a user who may do more than himself; an organization's caller makes users of that organization only.
#[utoipa::path(post, path = "/api/v1/users", tag = "Users")]
async fn create_user(
    call: Call<AdminUsers>,
    body: Body<NewUserBody>,
) -> Result<Once<Created<UserView>>, ApiError> {
    let new = NewUser::from(body.value);
    call.once(&body.bytes, move |call, _| async move {
        let made = call.run(|gateway, context| users::create(gateway, context, new));
        Ok(Created(made.await?.into()))
    })
    .await
}

/// Change a user
///
/// Another role, organization or password, and being switched off, end the user's sessions.
#[utoipa::path(put, path = "/api/v1/users/{id}", tag = "Users")]
async fn update_user(
    call: Call<AdminUsers>,
    InPath(id): InPath<Uuid>,
    body: Body<UpdateUserBody>,
) -> Result<Answer<UserView>, ApiError> {
    let update = UpdateUser::from(body.value);
    let changed = call.run(|gateway, context| users::update(gateway, context, id, update));
    Ok(Answer(changed.await?.into()))
}

/// Delete a user
///
/// For ever: the name stays taken, and the audit log keeps telling who it was. The user's sessions end.
#[utoipa::path(delete, path = "/api/v1/users/{id}", tag = "Users")]
async fn delete_user(call: Call<AdminUsers>, InPath(id): InPath<Uuid>) -> Result<Answer<UserView>, ApiError> {
    let left = call.run(|gateway, context| users::delete(gateway, context, id));
    Ok(Answer(left.await?.into()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::rest::frame::Example;
    use crate::rest::frame::reading::bad_fields;

    #[test]
    fn every_bad_field_of_a_user_is_named_at_once() {
        assert!(bad_fields::<NewUserBody>(NewUserBody::example()).is_empty());
        let body = json!({
            "username": "Ada", "email": "ada", "password": "short", "full_name": "", "role": "root",
            "organization_id": "x", "is_active": "yes", "colour": "red",
        });
        let all = [
            "colour",
            "email",
            "full_name",
            "is_active",
            "organization_id",
            "password",
            "role",
            "username",
        ];
        assert_eq!(bad_fields::<NewUserBody>(body.clone()), all);
        assert_eq!(bad_fields::<UpdateUserBody>(body), all);
        assert_eq!(
            bad_fields::<NewUserBody>(json!({})),
            ["email", "password", "role", "username"]
        );
        assert_eq!(bad_fields::<UpdateUserBody>(json!({})), ["body"]);
    }

    #[test]
    fn null_takes_a_field_of_a_user_away_and_absence_leaves_it() {
        let read =
            |body| UpdateUser::from(crate::rest::frame::reading::read::<UpdateUserBody>(body).unwrap());
        let update = read(json!({ "full_name": null, "organization_id": null }));
        assert_eq!((update.full_name, update.organization), (Some(None), Some(None)));
        let update = read(json!({ "is_active": false }));
        assert_eq!((update.full_name, update.organization), (None, None));
    }
}
