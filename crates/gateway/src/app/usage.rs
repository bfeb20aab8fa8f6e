use std::sync::Arc;
use std::time::Duration;

use messages::pb::usage as pb;
use messages::{RpcMethod, usage_rpc};
use serde_json::json;

use super::sync::platform_only;
use super::{Act, Asker, CHANGE_LIMIT, Gateway};
use crate::error::{ApiCode, ApiError};

/// Sums over a large fleet take their time.
const READ: Duration = Duration::from_secs(15);

/// Asks usage-ingestor.
pub async fn ask<M: RpcMethod>(
    gateway: &Gateway,
    asker: &Asker,
    request: &M::Request,
) -> Result<M::Response, ApiError> {
    Ok(gateway.bus.call::<M>(request, READ, &asker.request_id).await?)
}

/// The same for numbers of the whole platform.
pub async fn ask_as_platform<M: RpcMethod>(
    gateway: &Gateway,
    asker: &Asker,
    request: &M::Request,
) -> Result<M::Response, ApiError> {
    platform_only(asker, "received records concern the whole platform")?;
    ask::<M>(gateway, asker, request).await
}

/// Has usage read from 1NCE's API: of one SIM, or of every SIM that the caller may see.
pub async fn start_usage_sync(
    gateway: Arc<Gateway>,
    asker: Asker,
    iccid: Option<String>,
    start_date: Option<String>,
) -> Result<pb::StartUsageSyncResponse, ApiError> {
    let act = Act {
        action: "sync.usage",
        subject: iccid.clone().unwrap_or_else(|| "all".to_owned()),
        organization: asker.principal.organization,
    };
    gateway
        .audit(&asker, &act, json!({ "start_date": start_date }))
        .await?;
    let request = pb::StartUsageSyncRequest {
        scope: Some(asker.principal.scope()),
        actor: Some(asker.principal.actor()),
        iccid: iccid.unwrap_or_default(),
        start_date: start_date.unwrap_or_default(),
    };
    act_on::<usage_rpc::StartUsageSync>(&gateway, &asker, &act, &request).await
}

/// Has rejected records read again; none named means all that are open.
pub async fn replay_rejects(
    gateway: Arc<Gateway>,
    asker: Asker,
    ids: Vec<String>,
) -> Result<pb::ReplayRejectsResponse, ApiError> {
    platform_only(&asker, "received records concern the whole platform")?;
    let act = Act {
        action: "ingest.replay",
        subject: if ids.is_empty() { "all" } else { "some" }.to_owned(),
        organization: None,
    };
    gateway.audit(&asker, &act, json!({ "ids": ids })).await?;
    let request = pb::ReplayRejectsRequest { ids };
    act_on::<usage_rpc::ReplayRejects>(&gateway, &asker, &act, &request).await
}

async fn act_on<M: RpcMethod>(
    gateway: &Gateway,
    asker: &Asker,
    act: &Act,
    request: &M::Request,
) -> Result<M::Response, ApiError> {
    let answer = gateway
        .bus
        .call::<M>(request, CHANGE_LIMIT, &asker.request_id)
        .await;
    if let Err(error) = &answer {
        gateway.audit_failure(asker, act, error.code).await;
    }
    Ok(answer?)
}

/// What an answer of another service lacks though its version should have it.
pub fn lacks(what: &'static str) -> ApiError {
    tracing::error!(what, "usage-ingestor's answer lacks a part");
    ApiError::new(ApiCode::Internal, "something went wrong here")
}
