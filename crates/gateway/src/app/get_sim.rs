use std::sync::Arc;
use std::time::Duration;

use domain::Iccid;
use messages::pb::sim::GetSimRequest;
use messages::sim_rpc;

use super::{Gateway, RequestContext};
use crate::cache::{CachedSim, ReadStart};
use crate::error::ApiError;
use crate::wire::sim;

const READ: Duration = Duration::from_secs(5);
const REFRESH: Duration = Duration::from_secs(15);

/// One SIM from this process's memory. Another organization's SIM does not exist.
pub fn from_memory(
    gateway: &Gateway,
    context: &RequestContext,
    iccid: Iccid,
) -> Option<Result<CachedSim, ApiError>> {
    gateway.sims.local(iccid).map(|found| visible(found, context))
}

/// One SIM, as [`find`] has it. Another organization's SIM does not exist.
pub async fn get_sim(
    gateway: Arc<Gateway>,
    context: RequestContext,
    iccid: Iccid,
    refresh: bool,
) -> Result<CachedSim, ApiError> {
    let found = find(&gateway, &context, iccid, refresh).await?;
    visible(found, &context)
}

/// One SIM, whoever's it is: from Redis, or from sim-service, which reads 1NCE first when `refresh` is set.
pub async fn find(
    gateway: &Gateway,
    context: &RequestContext,
    iccid: Iccid,
    refresh: bool,
) -> Result<CachedSim, ApiError> {
    if !refresh && let Some(found) = gateway.sims.remote(iccid).await {
        return Ok(found);
    }
    let since = ReadStart::now();
    let request = GetSimRequest {
        scope: Some(context.principal.scope()),
        iccid: iccid.to_string(),
        refresh,
    };
    let deadline = if refresh { REFRESH } else { READ };
    let answer = gateway
        .bus
        .call::<sim_rpc::GetSim>(&request, deadline, &context.request_id)
        .await?;
    let found = answer.sim.ok_or_else(ApiError::no_such_sim)?;
    let cached = sim::cached(found)?;
    if gateway.sims.put_local(iccid, &cached, since) {
        // Who asked for a new reading finds it wherever he looks next.
        if refresh {
            gateway.sims.put_remote(iccid, &cached, since).await;
            return Ok(cached);
        }
        let (sims, sim) = (Arc::clone(&gateway.sims), cached.clone());
        gateway
            .shutdown
            .spawn(async move { sims.put_remote(iccid, &sim, since).await });
    }
    Ok(cached)
}

fn visible(sim: CachedSim, context: &RequestContext) -> Result<CachedSim, ApiError> {
    if context.principal.sees(sim.organization) {
        Ok(sim)
    } else {
        Err(ApiError::no_such_sim())
    }
}
