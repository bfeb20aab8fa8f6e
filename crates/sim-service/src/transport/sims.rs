//! One SIM, a page of them, and their changes.

use messages::pb::sim as pb;
use service_runtime::bus::{RpcContext, RpcError};
use service_runtime::wire::{actor, iccid, scope};

use crate::app::App;
use crate::wire::sims;

pub async fn get(
    app: App,
    request: pb::GetSimRequest,
    context: RpcContext,
) -> Result<pb::GetSimResponse, RpcError> {
    if request.refresh {
        context.waits_for_others().await?;
    }
    let sim = app
        .get_sim(scope(request.scope)?, iccid(&request.iccid)?, request.refresh)
        .await?;
    Ok(pb::GetSimResponse {
        sim: Some(sims::sim(sim)),
    })
}

pub async fn list(app: App, request: pb::ListSimsRequest) -> Result<pb::ListSimsResponse, RpcError> {
    let page = app.list_sims(scope(request.scope.clone())?, &request).await?;
    Ok(sims::list(page))
}

pub async fn update(app: App, request: pb::UpdateSimRequest) -> Result<pb::UpdateSimResponse, RpcError> {
    let scope = scope(request.scope)?;
    let iccid = iccid(&request.iccid)?;
    let told = pb::SimChange {
        label: request.label,
        imei_lock: request.imei_lock,
        status: request.status,
        tags: request.tags,
        metadata_json: request.metadata_json,
        organization_id: request.organization_id,
        ..pb::SimChange::default()
    };
    let sim = app.update_sim(scope, iccid, told, &actor(request.actor)).await?;
    Ok(pb::UpdateSimResponse {
        sim: Some(sims::sim(sim)),
    })
}
