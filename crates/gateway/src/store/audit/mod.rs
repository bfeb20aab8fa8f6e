//! The audit log: its rows written, found, and their chain of hashes followed.

pub mod chain;
pub mod query;

use domain::OrganizationId;
use messages::pb::common::Actor;
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::{ConnectionTrait, DbErr, EntityTrait};
use uuid::Uuid;

use crate::store::entity::audit_entry::{ActiveModel, Entity};

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

/// Writes one row; the table refuses every later change of it. It waits for all who wrote before and whose transactions
/// have not ended, so in a transaction it comes last.
pub async fn append<C: ConnectionTrait>(connection: &C, entry: AuditEntry) -> Result<(), DbErr> {
    append_once(connection, Uuid::now_v7(), entry, Vec::new()).await
}

/// The same for a row that may have been written before, and that concerns further SIMs: a row with this id stays as it
/// is.
pub async fn append_once<C: ConnectionTrait>(
    connection: &C,
    id: Uuid,
    entry: AuditEntry,
    subjects: Vec<String>,
) -> Result<(), DbErr> {
    let row = ActiveModel {
        id: Set(id),
        // The table's trigger sets the time, in the order of the rows.
        at: NotSet,
        actor_kind: Set(entry.actor.kind),
        actor_id: Set(entry.actor.id),
        organization_id: Set(entry.organization.map(|id| id.0)),
        action: Set(entry.action),
        subject: Set(entry.subject),
        request_id: Set(entry.request_id),
        remote_addr: Set(entry.remote_addr),
        details: Set(entry.details),
        subjects: Set(subjects),
    };
    Entity::insert(row)
        .exec_without_returning(connection)
        .await
        .map(|_| ())
}
