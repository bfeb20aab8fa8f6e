use std::sync::Arc;

use domain::{Iccid, OrganizationId, SimStatus};
use messages::pb::sim::{TagList, UpdateSimRequest};
use messages::sim_rpc;
use serde::Serialize;
use serde_json::json;

use super::get_sim;
use super::{Act, CHANGE_LIMIT, Gateway, RequestContext};
use crate::cache::{CachedSim, Change, ReadStart};
use crate::error::ApiError;
use crate::wire::sim;

/// What is to change; what is `None` stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct UpdateSim {
    /// At most 255 characters; empty removes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub imei_lock: Option<bool>,
    /// Enabled or Disabled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<SimStatus>,
    /// Replace the stored ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tags: Option<Vec<String>>,
    /// Replaces the stored object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<serde_json::Map<String, serde_json::Value>>,
    /// Gives the SIM to another organization; from callers of the whole platform only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organization_id: Option<OrganizationId>,
}

/// Changes one SIM and answers it as it is now; the next reader, whichever replica is asked, sees nothing older.
pub async fn update_sim(
    gateway: Arc<Gateway>,
    context: RequestContext,
    iccid: Iccid,
    update: UpdateSim,
) -> Result<CachedSim, ApiError> {
    let act = Act {
        action: "sim.update",
        subject: iccid.to_string(),
        organization: organization_of(&gateway, &context, iccid).await,
    };
    gateway
        .audit(&context, &act, json!({ "changes": update }))
        .await?;
    let since = ReadStart::now();
    let answer = gateway
        .bus
        .call::<sim_rpc::UpdateSim>(
            &request(&context, iccid, update),
            CHANGE_LIMIT,
            &context.request_id,
        )
        .await;
    if let Err(error) = &answer {
        gateway.audit_failure(&context, &act, error.code).await;
    }
    let found = answer?.sim.ok_or_else(ApiError::no_such_sim)?;
    let cached = sim::cached(found)?;
    // Before the answer, for whichever replica is asked next may look into Redis.
    if gateway.sims.put_local(iccid, &cached, since) {
        gateway.sims.put_remote(iccid, &cached, since).await;
    }
    let change = Change {
        iccid,
        revision: Some(cached.revision),
    };
    gateway.replicas.tell(&[change]).await;
    Ok(cached)
}

/// Whose SIM it is, for the audit log, which nobody can correct later. To a key of an organization only its own SIMs
/// exist; for one of the platform sim-service is asked, unless a cache knows.
async fn organization_of(
    gateway: &Gateway,
    context: &RequestContext,
    iccid: Iccid,
) -> Option<OrganizationId> {
    if let Some(own) = context.principal.organization {
        return Some(own);
    }
    if let Some(known) = gateway.sims.local(iccid) {
        return Some(known.organization);
    }
    // The change itself tells what is wrong with the SIM or the service.
    let found = get_sim::find(gateway, context, iccid, false).await;
    found.ok().map(|sim| sim.organization)
}

fn request(context: &RequestContext, iccid: Iccid, update: UpdateSim) -> UpdateSimRequest {
    UpdateSimRequest {
        scope: Some(context.principal.scope()),
        actor: Some(context.principal.actor()),
        iccid: iccid.to_string(),
        label: update.label,
        imei_lock: update.imei_lock,
        status: update.status.map(|status| status.word().to_owned()),
        tags: update.tags.map(|tags| TagList { tags }),
        organization_id: update.organization_id.map(|id| id.to_string()),
        metadata_json: update
            .metadata
            .map(|metadata| serde_json::Value::Object(metadata).to_string()),
    }
}
