use chrono::{DateTime, Utc};
use domain::OrganizationId;
use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter,
    QueryOrder, QuerySelect,
};
use service_runtime::db::Db;
use uuid::Uuid;

use crate::config::RateLimits;
use crate::store::entity::api_key::{ActiveModel, Column, Entity, Model};

/// What is to be written down about one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UsageRow {
    pub key_id: Uuid,
    pub count: i64,
    pub last_used_at: DateTime<Utc>,
}

/// What is needed to verify a key.
#[derive(Debug, Clone)]
pub struct StoredKey {
    pub id: Uuid,
    pub name: String,
    pub hash: Vec<u8>,
    pub scopes: Vec<String>,
    pub organization: Option<OrganizationId>,
    pub expires_at: Option<DateTime<Utc>>,
    pub revoked: bool,
    pub limits: RateLimits,
}

/// A key as a person sees it in a list: everything but its hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyInfo {
    /// The key's id.
    pub id: Uuid,
    /// What it is called.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// The visible part.
    pub prefix: String,
    /// Its permissions.
    pub scopes: Vec<String>,
    /// `None`: the whole platform.
    pub organization: Option<OrganizationId>,
    /// The end of its time.
    pub expires_at: Option<DateTime<Utc>>,
    /// Requests per minute.
    pub rate_limit_per_minute: i32,
    /// Requests per hour.
    pub rate_limit_per_hour: i32,
    /// When it was revoked.
    pub revoked_at: Option<DateTime<Utc>>,
    /// The last use, some seconds late.
    pub last_used_at: Option<DateTime<Utc>>,
    /// How often it was used, some seconds late.
    pub usage_count: i64,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// Who made it.
    pub created_by: String,
}

impl From<Model> for KeyInfo {
    fn from(row: Model) -> Self {
        Self {
            id: row.id,
            name: row.name,
            description: row.description,
            prefix: row.prefix,
            scopes: row.scopes,
            organization: row.organization_id.map(OrganizationId),
            expires_at: row.expires_at,
            rate_limit_per_minute: row.rate_limit_per_minute,
            rate_limit_per_hour: row.rate_limit_per_hour,
            revoked_at: row.revoked_at,
            last_used_at: row.last_used_at,
            usage_count: row.usage_count,
            created_at: row.created_at,
            created_by: row.created_by,
        }
    }
}

/// A row to be written.
#[derive(Debug)]
pub struct KeyRow {
    pub id: Uuid,
    pub name: String,
    pub description: Option<String>,
    pub prefix: String,
    pub hash: [u8; 32],
    pub scopes: Vec<String>,
    pub organization: Option<OrganizationId>,
    pub expires_at: Option<DateTime<Utc>>,
    pub rate_limit_per_minute: i32,
    pub rate_limit_per_hour: i32,
    pub created_by: String,
}

/// The table of API keys.
#[derive(Debug, Clone)]
pub struct ApiKeys(Db);

impl ApiKeys {
    pub fn new(db: Db) -> Self {
        Self(db)
    }

    /// The key with this visible part.
    pub async fn find(&self, prefix: &str) -> Result<Option<StoredKey>, DbErr> {
        let row = Entity::find()
            .filter(Column::Prefix.eq(prefix))
            .one(self.0.orm())
            .await?;
        Ok(row.map(|row| StoredKey {
            id: row.id,
            name: row.name,
            hash: row.key_hash,
            scopes: row.scopes,
            organization: row.organization_id.map(OrganizationId),
            expires_at: row.expires_at,
            revoked: row.revoked_at.is_some(),
            limits: RateLimits {
                per_minute: row.rate_limit_per_minute.unsigned_abs(),
                per_hour: row.rate_limit_per_hour.unsigned_abs(),
            },
        }))
    }

    /// The keys of an organization, or all of them; the newest first.
    pub async fn list(&self, organization: Option<OrganizationId>) -> Result<Vec<KeyInfo>, DbErr> {
        let mut query = Entity::find().order_by_desc(Column::CreatedAt);
        if let Some(organization) = organization {
            query = query.filter(Column::OrganizationId.eq(organization.0));
        }
        let rows = query.all(self.0.orm()).await?;
        Ok(rows.into_iter().map(KeyInfo::from).collect())
    }

    /// Adds counted uses to the rows, in one statement.
    pub async fn add_usage(&self, rows: &[UsageRow]) -> Result<(), sqlx::Error> {
        let ids: Vec<Uuid> = rows.iter().map(|row| row.key_id).collect();
        let counts: Vec<i64> = rows.iter().map(|row| row.count).collect();
        let times: Vec<DateTime<Utc>> = rows.iter().map(|row| row.last_used_at).collect();
        sqlx::query(
            "UPDATE api_keys AS k
             SET usage_count = k.usage_count + u.count, last_used_at = greatest(k.last_used_at, u.at)
             FROM unnest($1::uuid[], $2::bigint[], $3::timestamptz[]) AS u (id, count, at)
             WHERE k.id = u.id",
        )
        .bind(ids)
        .bind(counts)
        .bind(times)
        .execute(self.0.pool())
        .await
        .map(|_| ())
    }
}

/// Writes a new key.
pub async fn insert<C: ConnectionTrait>(connection: &C, key: KeyRow) -> Result<(), DbErr> {
    let row = ActiveModel {
        id: Set(key.id),
        name: Set(key.name),
        description: Set(key.description),
        prefix: Set(key.prefix),
        key_hash: Set(key.hash.to_vec()),
        scopes: Set(key.scopes),
        organization_id: Set(key.organization.map(|id| id.0)),
        expires_at: Set(key.expires_at),
        rate_limit_per_minute: Set(key.rate_limit_per_minute),
        rate_limit_per_hour: Set(key.rate_limit_per_hour),
        created_by: Set(key.created_by),
        created_at: Set(Utc::now()),
        usage_count: Set(0),
        revoked_at: Set(None),
        last_used_at: Set(None),
    };
    row.insert(connection).await.map(|_| ())
}

/// A key that was just revoked.
pub struct RevokedKey {
    pub id: Uuid,
    pub organization: Option<OrganizationId>,
}

/// Revokes the key with this id or visible part; `None` when there is no such key or it was revoked before.
pub async fn revoke<C: ConnectionTrait>(
    connection: &C,
    reference: &str,
) -> Result<Option<RevokedKey>, DbErr> {
    let by = match Uuid::parse_str(reference) {
        Ok(id) => Column::Id.eq(id),
        Err(_) => Column::Prefix.eq(reference),
    };
    let revoked = Entity::update_many()
        .col_expr(Column::RevokedAt, Expr::value(Utc::now()))
        .filter(by)
        .filter(Column::RevokedAt.is_null())
        .exec_with_returning(connection)
        .await?;
    Ok(revoked.into_iter().next().map(|row| RevokedKey {
        id: row.id,
        organization: row.organization_id.map(OrganizationId),
    }))
}

/// The keys of an organization, or all; the newest first, before `before`.
pub async fn page<C: ConnectionTrait>(
    connection: &C,
    organization: Option<OrganizationId>,
    before: Option<Uuid>,
    limit: u64,
) -> Result<Vec<KeyInfo>, DbErr> {
    let mut query = Entity::find().order_by_desc(Column::Id).limit(limit);
    if let Some(organization) = organization {
        query = query.filter(Column::OrganizationId.eq(organization.0));
    }
    if let Some(before) = before {
        query = query.filter(Column::Id.lt(before));
    }
    let rows = query.all(connection).await?;
    Ok(rows.into_iter().map(KeyInfo::from).collect())
}

/// One key.
pub async fn find_by_id<C: ConnectionTrait>(connection: &C, id: Uuid) -> Result<Option<KeyInfo>, DbErr> {
    Ok(Entity::find_by_id(id).one(connection).await?.map(Into::into))
}

/// What of a key is to change; what is `None` stays as it is.
#[derive(Debug, Default)]
pub struct KeyChange {
    pub name: Option<String>,
    pub description: Option<Option<String>>,
    pub scopes: Option<Vec<String>>,
    pub expires_at: Option<Option<DateTime<Utc>>>,
    pub rate_limit_per_minute: Option<i32>,
    pub rate_limit_per_hour: Option<i32>,
}

/// Changes one key; `None` when it was revoked.
pub async fn update<C: ConnectionTrait>(
    connection: &C,
    id: Uuid,
    change: KeyChange,
) -> Result<Option<KeyInfo>, DbErr> {
    let mut row = <ActiveModel as Default>::default();
    if let Some(name) = change.name {
        row.name = Set(name);
    }
    if let Some(description) = change.description {
        row.description = Set(description);
    }
    if let Some(scopes) = change.scopes {
        row.scopes = Set(scopes);
    }
    if let Some(end) = change.expires_at {
        row.expires_at = Set(end);
    }
    if let Some(limit) = change.rate_limit_per_minute {
        row.rate_limit_per_minute = Set(limit);
    }
    if let Some(limit) = change.rate_limit_per_hour {
        row.rate_limit_per_hour = Set(limit);
    }
    let rows = Entity::update_many()
        .set(row)
        .filter(Column::Id.eq(id))
        .filter(Column::RevokedAt.is_null())
        .exec_with_returning(connection)
        .await?;
    Ok(rows.into_iter().next().map(Into::into))
}
