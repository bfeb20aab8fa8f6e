//! What the gateway asks about the readings by API.

use chrono::NaiveDate;
use domain::Iccid;
use messages::pb::usage as pb;
use messages::{ErrorCode, usage_rpc};
use service_runtime::bus::{BusError, RpcError, RpcServer};

use super::rpc::scope;
use crate::app::App;

/// Registers the method.
///
/// # Errors
/// When NATS refuses a subscription.
pub async fn serve(server: &RpcServer, app: &App) -> Result<(), BusError> {
    let shared = app.clone();
    server
        .method(usage_rpc::StartUsageSync, move |request, _| {
            let app = shared.clone();
            async move { start(&app, request).await }
        })
        .await
}

async fn start(
    app: &App,
    request: pb::StartUsageSyncRequest,
) -> Result<pb::StartUsageSyncResponse, RpcError> {
    let scope = scope(request.scope)?;
    let given = |text: String| (!text.is_empty()).then_some(text);
    let iccid = given(request.iccid).map(|text| Iccid::parse(&text)).transpose();
    let iccid = iccid.map_err(|error| RpcError::new(ErrorCode::InvalidIccid, error.to_string()))?;
    let from = given(request.start_date)
        .map(|text| text.parse::<NaiveDate>())
        .transpose();
    let from = from.map_err(|_| RpcError::field("start_date", "is no day: YYYY-MM-DD"))?;
    let sims_queued = app.start_readings(scope, iccid, from).await?;
    Ok(pb::StartUsageSyncResponse { sims_queued })
}
