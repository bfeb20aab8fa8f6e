//! What the gateway asks.

use domain::{Iccid, OrganizationId};
use messages::pb::common::Scope as WireScope;
use messages::pb::usage as pb;
use messages::{ErrorCode, usage_rpc};
use service_runtime::bus::{BusError, RpcError, RpcServer};
use uuid::Uuid;

use crate::app::App;
use crate::app::sim_usage::SimUsageQuery;
use crate::store::Scope;
use crate::store::sim_usage::source;

/// Registers the questions about usage and events; none of them changes anything.
///
/// # Errors
/// When NATS refuses a subscription.
pub async fn serve(server: &RpcServer, app: &App) -> Result<(), BusError> {
    let shared = app.clone();
    server
        .method(usage_rpc::SimUsage, move |request, _| {
            let app = shared.clone();
            async move { sim_usage(&app, request).await }
        })
        .await
}

async fn sim_usage(app: &App, request: pb::SimUsageRequest) -> Result<pb::SimUsageResponse, RpcError> {
    let query = SimUsageQuery::new(scope(request.scope.clone())?, iccid(&request.iccid)?, &request)?;
    let periods = app
        .sim_usage(&query)
        .await?
        .into_iter()
        .map(|period| pb::UsagePeriod {
            start: period.label,
            rx: large(period.amounts.rx),
            tx: large(period.amounts.tx),
            total: large(period.amounts.total),
            sms_mo: small(period.amounts.sms_mo),
            sms_mt: small(period.amounts.sms_mt),
            sessions: small(period.amounts.sessions),
            source: source(period.by_stream, period.by_api).to_owned(),
        });
    Ok(pb::SimUsageResponse {
        periods: periods.collect(),
    })
}

/// Whose data the caller may see.
pub fn scope(scope: Option<WireScope>) -> Result<Scope, RpcError> {
    let scope = scope.ok_or_else(|| RpcError::field("scope", "is missing"))?;
    if scope.organization_id.is_empty() {
        return Ok(Scope::All);
    }
    match Uuid::parse_str(&scope.organization_id) {
        // All zeros stands for SIMs that no inventory knows, which belong to no organization.
        Ok(id) if !id.is_nil() => Ok(Scope::Organization(OrganizationId(id))),
        _ => Err(RpcError::field(
            "organization_id",
            "is no UUID of an organization",
        )),
    }
}

fn iccid(text: &str) -> Result<Iccid, RpcError> {
    Iccid::parse(text).map_err(|error| RpcError::new(ErrorCode::InvalidIccid, error.to_string()))
}

fn large(count: i64) -> u64 {
    u64::try_from(count).unwrap_or(0)
}

fn small(count: i64) -> u32 {
    u32::try_from(count.max(0)).unwrap_or(u32::MAX)
}
