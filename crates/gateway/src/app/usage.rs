use std::sync::Arc;
use std::time::Duration;

use messages::pb::usage as pb;
use messages::{RpcMethod, usage_rpc};
use serde_json::json;

use super::{Act, CHANGE_LIMIT, Gateway, RequestContext};
use crate::error::{ApiCode, ApiError};

/// Sums over a large fleet take their time.
const READ: Duration = Duration::from_secs(15);

/// Asks usage-ingestor.
pub async fn ask<M: RpcMethod>(
    gateway: &Gateway,
    context: &RequestContext,
    request: &M::Request,
) -> Result<M::Response, ApiError> {
    Ok(gateway.bus.call::<M>(request, READ, &context.request_id).await?)
}

/// The same for numbers of the whole platform.
pub async fn ask_as_platform<M: RpcMethod>(
    gateway: &Gateway,
    context: &RequestContext,
    request: &M::Request,
) -> Result<M::Response, ApiError> {
    context.platform_only("received records concern the whole platform")?;
    ask::<M>(gateway, context, request).await
}

/// Has usage read from 1NCE's API: of one SIM, or of every SIM that the caller may see.
pub async fn start_usage_sync(
    gateway: Arc<Gateway>,
    context: RequestContext,
    iccid: Option<String>,
    start_date: Option<String>,
) -> Result<pb::StartUsageSyncResponse, ApiError> {
    let act = Act {
        action: "sync.usage",
        subject: iccid.clone().unwrap_or_else(|| "all".to_owned()),
        organization: context.principal.organization,
    };
    gateway
        .audit(&context, &act, json!({ "start_date": start_date }))
        .await?;
    let request = pb::StartUsageSyncRequest {
        scope: Some(context.principal.scope()),
        actor: Some(context.principal.actor()),
        iccid: iccid.unwrap_or_default(),
        start_date: start_date.unwrap_or_default(),
    };
    act_on::<usage_rpc::StartUsageSync>(&gateway, &context, &act, &request).await
}

/// Has rejected records read again; none named means all that are open.
pub async fn replay_rejects(
    gateway: Arc<Gateway>,
    context: RequestContext,
    ids: Vec<String>,
) -> Result<pb::ReplayRejectsResponse, ApiError> {
    context.platform_only("received records concern the whole platform")?;
    let act = Act {
        action: "ingest.replay",
        subject: if ids.is_empty() { "all" } else { "some" }.to_owned(),
        organization: None,
    };
    gateway.audit(&context, &act, json!({ "ids": ids })).await?;
    let request = pb::ReplayRejectsRequest { ids };
    act_on::<usage_rpc::ReplayRejects>(&gateway, &context, &act, &request).await
}

async fn act_on<M: RpcMethod>(
    gateway: &Gateway,
    context: &RequestContext,
    act: &Act,
    request: &M::Request,
) -> Result<M::Response, ApiError> {
    let answer = gateway
        .bus
        .call::<M>(request, CHANGE_LIMIT, &context.request_id)
        .await;
    if let Err(error) = &answer {
        gateway.audit_failure(context, act, error.code).await;
    }
    Ok(answer?)
}

/// What an answer of another service lacks though its version should have it.
pub fn lacks(what: &'static str) -> ApiError {
    tracing::error!(what, "usage-ingestor's answer lacks a part");
    ApiError::new(ApiCode::Internal, "something went wrong here")
}
