//! What 1NCE's API offers.

use messages::pb::sim as pb;
use service_runtime::bus::{RpcContext, RpcError};

use crate::app::App;

pub async fn readiness(
    app: App,
    _: pb::ProviderReadinessRequest,
    context: RpcContext,
) -> Result<pb::ProviderReadinessResponse, RpcError> {
    context.waits_for_others().await?;
    Ok(pb::ProviderReadinessResponse {
        accounts: app.provider_readiness().await,
    })
}
