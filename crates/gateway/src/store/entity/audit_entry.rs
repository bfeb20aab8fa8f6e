use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "audit_log")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub at: DateTimeUtc,
    pub actor_kind: String,
    pub actor_id: String,
    pub organization_id: Option<Uuid>,
    pub action: String,
    pub subject: String,
    pub request_id: String,
    pub remote_addr: Option<String>,
    #[sea_orm(column_type = "JsonBinary")]
    pub details: Json,
    /// Further ICCIDs that it concerns.
    pub subjects: Vec<String>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
