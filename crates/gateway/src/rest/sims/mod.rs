//! SIMs: one, many, and files of them.

pub mod body;
mod bulk;
pub mod cells;
pub mod export;
mod import;
pub mod params;
mod receiver;
mod view;

use domain::Iccid;

use super::frame::authenticate::{ReadSims, WriteSims};
use super::frame::rate::limited;
use super::frame::{Answer, Call, CheckedBody, InPath, Operation, Page, Query, Serialized, operations};
use crate::app::get_sim;
use crate::app::list_sims::list_sims as list;
use crate::app::update_sim::update_sim as update;
use crate::cache::CachedSim;
use crate::error::{ApiCode, ApiError};
use crate::limits::Allowance;
use crate::wire::sim::{SimStatusView, SimView};
use body::UpdateSimBody;
use params::{GetSimParams, ListSimsParams, pagination};

/// What asking 1NCE may end with.
const PROVIDER: &[ApiCode] = &[
    ApiCode::Conflict,
    ApiCode::Upstream,
    ApiCode::UpstreamRateLimited,
    ApiCode::CapabilityUnavailable,
];

pub fn operations() -> Vec<Operation> {
    let mut operations = operations![
        list_sims,
        get_sim.may_fail(PROVIDER),
        get_sim_status,
        update_sim.may_fail(PROVIDER),
    ];
    operations.extend(export::operations());
    operations.extend(bulk::operations());
    operations.extend(import::operations());
    operations
}

/// A page of SIMs
///
/// Those that the caller may see. Page numbers and cursors lead through the same list.
#[utoipa::path(get, path = "/api/v1/sims", tag = "SIMs")]
async fn list_sims(
    call: Call<ReadSims>,
    Query(params): Query<ListSimsParams>,
) -> Result<Page<SimView>, ApiError> {
    let wanted = params.list()?;
    let asked = wanted.clone();
    let found = call
        .run(|gateway, context| async move { list(&gateway, &context, &asked).await })
        .await?;
    let pagination = pagination(&wanted, &found);
    let rows = found
        .sims
        .into_iter()
        .map(SimView::new)
        .collect::<Result<_, _>>()?;
    Ok(Page { rows, pagination })
}

/// One SIM
///
/// What was last read of it; `refresh` reads 1NCE first, inside its budget, unless 1NCE told of the SIM within the last
/// seconds. A caller has 60 such readings a minute; further ones are 429.
#[utoipa::path(get, path = "/api/v1/sims/{iccid}", tag = "SIMs")]
async fn get_sim(
    call: Call<ReadSims>,
    InPath(iccid): InPath<Iccid>,
    Query(params): Query<GetSimParams>,
) -> Result<Serialized<SimView>, ApiError> {
    if params.refresh.0 {
        take_refresh(&call).await?;
    }
    read(&call, iccid, params.refresh.0).await.map(serialized)
}

/// The state of one SIM
///
/// In yes and no: at most one of the four details holds.
#[utoipa::path(get, path = "/api/v1/sims/{iccid}/status", tag = "SIMs")]
async fn get_sim_status(
    call: Call<ReadSims>,
    InPath(iccid): InPath<Iccid>,
) -> Result<Answer<SimStatusView>, ApiError> {
    let sim = read(&call, iccid, false).await?;
    Ok(Answer(SimStatusView::of(&sim.data)?))
}

/// Change one SIM
///
/// Label, lock and status are changed at 1NCE first; whoever asks next, whichever replica answers, sees nothing older.
#[utoipa::path(put, path = "/api/v1/sims/{iccid}", tag = "SIMs")]
async fn update_sim(
    call: Call<WriteSims>,
    InPath(iccid): InPath<Iccid>,
    CheckedBody(body): CheckedBody<UpdateSimBody>,
) -> Result<Serialized<SimView>, ApiError> {
    let change = body.value.into();
    call.run(|gateway, context| update(gateway, context, iccid, change))
        .await
        .map(serialized)
}

/// Takes one of the caller's readings at 1NCE, so that no reader spends what everybody shares.
async fn take_refresh(call: &Call<ReadSims>) -> Result<(), ApiError> {
    let gateway = call.gateway();
    let allowance = Allowance::from(gateway.config.limits.of_refreshes());
    let verdict = gateway.refreshes.take(call.principal().id(), &allowance).await;
    verdict.retry_after.map_or(Ok(()), |wait| Err(limited(wait)))
}

async fn read(call: &Call<ReadSims>, iccid: Iccid, refresh: bool) -> Result<CachedSim, ApiError> {
    if !refresh && let Some(found) = get_sim::from_memory(call.gateway(), call.context(), iccid) {
        return found;
    }
    // Most requests never wait here, and need not carry what it needs.
    let slowly = call.run(|gateway, context| get_sim::get_sim(gateway, context, iccid, refresh));
    Box::pin(slowly).await
}

fn serialized(sim: CachedSim) -> Serialized<SimView> {
    Serialized::new(sim.data, sim.etag)
}
