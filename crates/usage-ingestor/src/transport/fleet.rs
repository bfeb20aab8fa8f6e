//! The fleet at a glance.

use messages::pb::usage as pb;
use service_runtime::bus::RpcError;
use service_runtime::wire::{count, scope};

use super::usage::group;
use crate::app::App;
use crate::error::AppError;

pub async fn now(app: App, request: pb::FleetNowRequest) -> Result<pb::FleetNowResponse, RpcError> {
    let now = app
        .fleet_now(scope(request.scope)?)
        .await
        .map_err(AppError::from)?;
    let presence = now.presence.into_iter().map(|seen| pb::PresenceCount {
        online: (seen.online >= 0).then_some(seen.online == 1),
        mcc: u32::from(seen.mcc.unsigned_abs()),
        country: seen.country.unwrap_or_default(),
        rat: u32::from(seen.rat.unsigned_abs()),
        sims: count(seen.sims),
    });
    Ok(pb::FleetNowResponse {
        today: Some(group(now.today)),
        month: Some(group(now.month)),
        presence: presence.collect(),
        as_of: Some(now.as_of.into()),
    })
}
