use chrono::{DateTime, Utc};
use domain::OrganizationId;
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter,
    QueryOrder, QuerySelect,
};
use uuid::Uuid;

use crate::store::entity::organization::{ActiveModel, Column, Entity, Model};

/// One organization.
#[derive(Debug, Clone)]
pub struct OrganizationRow {
    pub id: OrganizationId,
    pub name: String,
    pub slug: String,
    pub created_at: DateTime<Utc>,
}

impl From<Model> for OrganizationRow {
    fn from(row: Model) -> Self {
        Self {
            id: OrganizationId(row.id),
            name: row.name,
            slug: row.slug,
            created_at: row.created_at,
        }
    }
}

/// One organization, or all; the oldest first, behind `after`.
pub async fn list<C: ConnectionTrait>(
    connection: &C,
    only: Option<OrganizationId>,
    after: Option<Uuid>,
    limit: u64,
) -> Result<Vec<OrganizationRow>, DbErr> {
    let mut query = Entity::find().order_by_asc(Column::Id).limit(limit);
    if let Some(only) = only {
        query = query.filter(Column::Id.eq(only.0));
    }
    if let Some(after) = after {
        query = query.filter(Column::Id.gt(after));
    }
    let rows = query.all(connection).await?;
    Ok(rows.into_iter().map(Into::into).collect())
}

/// Whether there is such an organization.
pub async fn exists<C: ConnectionTrait>(connection: &C, id: OrganizationId) -> Result<bool, DbErr> {
    Ok(Entity::find_by_id(id.0).one(connection).await?.is_some())
}

/// Writes a new organization.
pub async fn insert<C: ConnectionTrait>(
    connection: &C,
    name: String,
    slug: String,
) -> Result<OrganizationRow, DbErr> {
    let row = ActiveModel {
        id: Set(Uuid::now_v7()),
        name: Set(name),
        slug: Set(slug),
        created_at: Set(Utc::now()),
    };
    row.insert(connection).await.map(Into::into)
}
