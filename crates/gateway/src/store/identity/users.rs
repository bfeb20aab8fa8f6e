use chrono::{DateTime, Utc};
use domain::OrganizationId;
use sea_orm::sea_query::{Expr, ExprTrait, Func};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, DbErr, EntityTrait,
    QueryFilter, QueryOrder, QuerySelect,
};
use uuid::Uuid;

use crate::store::entity::user::{ActiveModel, Column, Entity, Model};

/// A user without the password's hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserRow {
    pub id: Uuid,
    pub username: String,
    pub email: String,
    pub full_name: Option<String>,
    /// As stored; the table knows the three words.
    pub role: String,
    /// `None`: the whole platform.
    pub organization: Option<OrganizationId>,
    pub is_active: bool,
    pub created_at: DateTime<Utc>,
    pub last_login_at: Option<DateTime<Utc>>,
}

impl From<Model> for UserRow {
    fn from(row: Model) -> Self {
        Self {
            id: row.id,
            username: row.username,
            email: row.email,
            full_name: row.full_name,
            role: row.role,
            organization: row.organization_id.map(OrganizationId),
            is_active: row.is_active,
            created_at: row.created_at,
            last_login_at: row.last_login_at,
        }
    }
}

/// A user to be written.
#[derive(Debug)]
pub struct NewUserRow {
    pub username: String,
    pub email: String,
    pub password_hash: String,
    pub full_name: Option<String>,
    pub role: &'static str,
    pub organization: Option<OrganizationId>,
    pub is_active: bool,
}

/// The user who logs in with this name or e-mail address, and the password's hash. A username goes before an address.
pub async fn find_for_login<C: ConnectionTrait>(
    connection: &C,
    name: &str,
) -> Result<Option<(UserRow, String)>, DbErr> {
    let name = name.to_lowercase();
    let is = |column: Column| Expr::expr(Func::lower(Expr::col(column))).eq(name.as_str());
    let mut found = Entity::find()
        .filter(Condition::any().add(is(Column::Username)).add(is(Column::Email)))
        .filter(Column::DeletedAt.is_null())
        .limit(2)
        .all(connection)
        .await?;
    let named = found.iter().position(|user| user.username.to_lowercase() == name);
    let user = (!found.is_empty()).then(|| found.swap_remove(named.unwrap_or(0)));
    Ok(user.map(|user| {
        let hash = user.password_hash.clone();
        (user.into(), hash)
    }))
}

/// The name or address, of these two, that another user has already.
pub async fn taken<C: ConnectionTrait>(
    connection: &C,
    username: Option<&str>,
    email: Option<&str>,
    besides: Option<Uuid>,
) -> Result<Option<&'static str>, DbErr> {
    for (field, text) in [("username", username), ("email", email)] {
        let Some(text) = text.map(str::to_lowercase) else {
            continue;
        };
        let is = |column: Column| Expr::expr(Func::lower(Expr::col(column))).eq(text.as_str());
        // Either may be used to log in, so nobody's name is another's address.
        let mut query =
            Entity::find().filter(Condition::any().add(is(Column::Username)).add(is(Column::Email)));
        if let Some(besides) = besides {
            query = query.filter(Column::Id.ne(besides));
        }
        if query.one(connection).await?.is_some() {
            return Ok(Some(field));
        }
    }
    Ok(None)
}

/// Writes a new user.
pub async fn insert<C: ConnectionTrait>(connection: &C, user: NewUserRow) -> Result<UserRow, DbErr> {
    let now = Utc::now();
    let row = ActiveModel {
        id: Set(Uuid::now_v7()),
        username: Set(user.username),
        email: Set(user.email),
        password_hash: Set(user.password_hash),
        full_name: Set(user.full_name),
        role: Set(user.role.to_owned()),
        organization_id: Set(user.organization.map(|id| id.0)),
        is_active: Set(user.is_active),
        created_at: Set(now),
        updated_at: Set(now),
        last_login_at: Set(None),
        password_changed_at: Set(now),
        deleted_at: Set(None),
    };
    row.insert(connection).await.map(Into::into)
}

/// The users of an organization, or all; the oldest first, behind `after`. Deleted ones are not shown.
pub async fn list<C: ConnectionTrait>(
    connection: &C,
    organization: Option<OrganizationId>,
    after: Option<Uuid>,
    limit: u64,
) -> Result<Vec<UserRow>, DbErr> {
    let mut query = Entity::find()
        .filter(Column::DeletedAt.is_null())
        .order_by_asc(Column::Id)
        .limit(limit);
    if let Some(organization) = organization {
        query = query.filter(Column::OrganizationId.eq(organization.0));
    }
    if let Some(after) = after {
        query = query.filter(Column::Id.gt(after));
    }
    let rows = query.all(connection).await?;
    Ok(rows.into_iter().map(Into::into).collect())
}

/// One user who was not deleted.
pub async fn find<C: ConnectionTrait>(connection: &C, id: Uuid) -> Result<Option<UserRow>, DbErr> {
    let query = Entity::find_by_id(id).filter(Column::DeletedAt.is_null());
    Ok(query.one(connection).await?.map(Into::into))
}

/// The same; nobody else changes it before the transaction ends.
pub async fn lock<C: ConnectionTrait>(connection: &C, id: Uuid) -> Result<Option<UserRow>, DbErr> {
    let query = Entity::find_by_id(id).filter(Column::DeletedAt.is_null());
    Ok(query.lock_exclusive().one(connection).await?.map(Into::into))
}

/// The active administrators of the platform; none of them changes before the transaction ends.
pub async fn lock_platform_admins<C: ConnectionTrait>(connection: &C) -> Result<Vec<Uuid>, DbErr> {
    let admins = Entity::find()
        .filter(Column::Role.eq("admin"))
        .filter(Column::IsActive.eq(true))
        .filter(Column::OrganizationId.is_null())
        .order_by_asc(Column::Id)
        .lock_exclusive()
        .all(connection)
        .await?;
    Ok(admins.into_iter().map(|admin| admin.id).collect())
}

/// What of a user is to change; what is `None` stays as it is.
#[derive(Debug, Default)]
pub struct UserChange {
    pub username: Option<String>,
    pub email: Option<String>,
    pub password_hash: Option<String>,
    pub full_name: Option<Option<String>>,
    pub role: Option<&'static str>,
    pub organization: Option<Option<OrganizationId>>,
    pub is_active: Option<bool>,
}

/// Changes one user.
pub async fn update<C: ConnectionTrait>(
    connection: &C,
    id: Uuid,
    change: UserChange,
) -> Result<UserRow, DbErr> {
    let now = Utc::now();
    let mut row = ActiveModel {
        id: Set(id),
        updated_at: Set(now),
        ..Default::default()
    };
    if let Some(username) = change.username {
        row.username = Set(username);
    }
    if let Some(email) = change.email {
        row.email = Set(email);
    }
    if let Some(hash) = change.password_hash {
        row.password_hash = Set(hash);
        row.password_changed_at = Set(now);
    }
    if let Some(full_name) = change.full_name {
        row.full_name = Set(full_name);
    }
    if let Some(role) = change.role {
        row.role = Set(role.to_owned());
    }
    if let Some(organization) = change.organization {
        row.organization_id = Set(organization.map(|id| id.0));
    }
    if let Some(is_active) = change.is_active {
        row.is_active = Set(is_active);
    }
    row.update(connection).await.map(Into::into)
}

/// Ends a user for ever; the row stays for the audit log.
pub async fn delete<C: ConnectionTrait>(connection: &C, id: Uuid) -> Result<UserRow, DbErr> {
    let now = Utc::now();
    let row = ActiveModel {
        id: Set(id),
        is_active: Set(false),
        updated_at: Set(now),
        deleted_at: Set(Some(now)),
        ..Default::default()
    };
    row.update(connection).await.map(Into::into)
}

/// Writes down a login, if the user is active and still has the password that was compared; `None` otherwise.
pub async fn note_login<C: ConnectionTrait>(
    connection: &C,
    id: Uuid,
    compared_hash: &str,
) -> Result<Option<UserRow>, DbErr> {
    let rows = Entity::update_many()
        .col_expr(Column::LastLoginAt, Expr::value(Utc::now()))
        .filter(Column::Id.eq(id))
        .filter(Column::IsActive.eq(true))
        .filter(Column::DeletedAt.is_null())
        .filter(Column::PasswordHash.eq(compared_hash))
        .exec_with_returning(connection)
        .await?;
    Ok(rows.into_iter().next().map(Into::into))
}

/// Replaces the password that was compared; `false` when it is another one by now.
pub async fn replace_password<C: ConnectionTrait>(
    connection: &C,
    id: Uuid,
    compared_hash: &str,
    new_hash: &str,
) -> Result<bool, DbErr> {
    let now = Utc::now();
    let done = Entity::update_many()
        .col_expr(Column::PasswordHash, Expr::value(new_hash))
        .col_expr(Column::PasswordChangedAt, Expr::value(now))
        .col_expr(Column::UpdatedAt, Expr::value(now))
        .filter(Column::Id.eq(id))
        .filter(Column::DeletedAt.is_null())
        .filter(Column::PasswordHash.eq(compared_hash))
        .exec(connection)
        .await?;
    Ok(done.rows_affected == 1)
}

/// The password's hash of an active user.
pub async fn password_hash<C: ConnectionTrait>(connection: &C, id: Uuid) -> Result<Option<String>, DbErr> {
    let query = Entity::find_by_id(id).filter(Column::IsActive.eq(true));
    Ok(query.one(connection).await?.map(|user| user.password_hash))
}
