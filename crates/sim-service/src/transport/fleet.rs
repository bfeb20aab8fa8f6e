//! How many SIMs are in which state.

use messages::pb::sim as pb;
use service_runtime::bus::RpcError;
use service_runtime::wire::scope;

use crate::app::App;

pub async fn counts(app: App, request: pb::FleetCountsRequest) -> Result<pb::FleetCountsResponse, RpcError> {
    Ok(app.fleet_counts(scope(request.scope)?).await?)
}
