use chrono::Utc;
use domain::OrganizationId;
use messages::pb::common::Actor;
use sea_orm::{ActiveModelTrait, ActiveValue::Set, ConnectionTrait, DbErr};
use uuid::Uuid;

use super::entity::audit_entry::ActiveModel;

/// Who did what to which thing.
#[derive(Debug, Clone)]
pub struct AuditEntry {
    pub actor: Actor,
    pub organization: Option<OrganizationId>,
    /// Such as `sim.update`.
    pub action: String,
    /// The ICCID, id or name of the thing.
    pub subject: String,
    pub request_id: String,
    pub remote_addr: Option<String>,
    pub details: serde_json::Value,
}

/// Writes one row; the table refuses every later change of it.
pub async fn append<C: ConnectionTrait>(connection: &C, entry: AuditEntry) -> Result<(), DbErr> {
    let row = ActiveModel {
        id: Set(Uuid::now_v7()),
        at: Set(Utc::now()),
        actor_kind: Set(entry.actor.kind),
        actor_id: Set(entry.actor.id),
        organization_id: Set(entry.organization.map(|id| id.0)),
        action: Set(entry.action),
        subject: Set(entry.subject),
        request_id: Set(entry.request_id),
        remote_addr: Set(entry.remote_addr),
        details: Set(entry.details),
    };
    row.insert(connection).await.map(|_| ())
}
