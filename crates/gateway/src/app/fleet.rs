//! The fleet at a glance: counts of sim-service, and of usage-ingestor while it answers.

use std::sync::Arc;
use std::time::Duration;

use domain::{OrganizationId, Scope};
use messages::pb::common::Scope as WireScope;
use messages::pb::sim::{FleetCountsRequest, FleetCountsResponse};
use messages::pb::usage::{FleetNowRequest, FleetNowResponse};
use messages::{sim_rpc, usage_rpc};
use moka::future::Cache;

use super::{Gateway, RequestContext};
use crate::error::{ApiCode, ApiError};

/// How long an overview stands.
pub const KEPT: Duration = Duration::from_secs(5);
/// Overviews kept, one an organization.
const ORGANIZATIONS: u64 = 10_000;
const READ: Duration = Duration::from_secs(5);
/// Shorter, so that the rest is answered soon when usage-ingestor hangs.
const READ_USAGE: Duration = Duration::from_secs(2);

/// What the services told.
pub struct Overview {
    /// Whose SIMs are counted; `None`: everybody's.
    pub organization: Option<OrganizationId>,
    pub counts: FleetCountsResponse,
    /// `None`: usage-ingestor did not answer.
    pub now: Option<FleetNowResponse>,
}

/// Overviews by organization, `None` is the whole platform's. They hold everything; what of it a caller may see is decided
/// for each answer.
pub struct Overviews(Cache<Option<OrganizationId>, Arc<Overview>>);

impl Default for Overviews {
    fn default() -> Self {
        let cache = Cache::builder().max_capacity(ORGANIZATIONS).time_to_live(KEPT);
        Self(cache.build())
    }
}

/// The overview of the caller's organization, or for a caller of the whole platform that of `wanted` or all. It is up to
/// [`KEPT`] old; callers at the same time share one question.
pub async fn overview(
    gateway: &Gateway,
    context: &RequestContext,
    wanted: Option<OrganizationId>,
) -> Result<Arc<Overview>, ApiError> {
    if let Some(wanted) = wanted.filter(|wanted| !context.principal.sees(*wanted)) {
        let message = format!("the API key belongs to another organization than {wanted}");
        return Err(ApiError::new(ApiCode::Forbidden, message));
    }
    let organization = context.principal.organization.or(wanted);
    let found = gateway
        .overviews
        .0
        .try_get_with(organization, ask(gateway, context, organization));
    found.await.map_err(|error| (*error).clone().into())
}

async fn ask(
    gateway: &Gateway,
    context: &RequestContext,
    organization: Option<OrganizationId>,
) -> Result<Arc<Overview>, service_runtime::bus::RpcError> {
    let scope = WireScope::from(Scope::from(organization));
    let counts = FleetCountsRequest {
        scope: Some(scope.clone()),
    };
    let now = FleetNowRequest { scope: Some(scope) };
    let (counts, now) = futures_util::future::join(
        gateway
            .bus
            .call::<sim_rpc::FleetCounts>(&counts, READ, &context.request_id),
        gateway
            .bus
            .call::<usage_rpc::FleetNow>(&now, READ_USAGE, &context.request_id),
    )
    .await;
    let counts = counts?;
    let now = now
        .inspect_err(|error| tracing::warn!(%error, "an overview is answered without usage"))
        .ok();
    Ok(Arc::new(Overview {
        organization,
        counts,
        now,
    }))
}
