use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use domain::Iccid;
use tracing::{Instrument, Span};

use super::auth::{Authenticated, ReadSims, WriteSims};
use super::envelope::{self, Answer, Page};
use super::list_query::{self, ListParams};
use super::params::{Faults, Params};
use super::request::{path_iccid, span};
use super::update_body::UpdateSimBody;
use super::{body, update_body};
use crate::app::jobs::can_receive;
use crate::app::sim_view::{SimStatusView, SimView};
use crate::app::{Gateway, RequestContext, get_sim as get, list_sims as list, update_sim as update};
use crate::cache::CachedSim;
use crate::error::ApiError;

/// A page of SIMs
#[utoipa::path(
    get, path = "/api/v1/sims", tag = "SIMs", params(ListParams), security(("api_key" = ["read:sims"])),
    responses((status = 200, description = "A page of SIMs", body = Page<SimView>))
)]
pub async fn list_sims(
    gateway: Data<Gateway>,
    caller: Authenticated<ReadSims>,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let context = caller.0;
    let wanted = list_query::read(request.query_string())?;
    let span = span(&request, "GET /api/v1/sims", &context.request_id);
    let found = list::list_sims(&gateway, &context, &wanted)
        .instrument(span)
        .await?;
    let pagination = list_query::pagination(
        &wanted,
        found.total,
        found.total_is_capped,
        found.has_next,
        found.next_cursor,
    );
    let sims: Result<Vec<SimView>, ApiError> = found.sims.into_iter().map(SimView::new).collect();
    envelope::page(&sims?, &pagination, &context.request_id)
}

/// One SIM
#[utoipa::path(
    get, path = "/api/v1/sims/{iccid}", tag = "SIMs", security(("api_key" = ["read:sims"])),
    params(
        ("iccid" = String, Path, pattern = "^89[0-9]{17,18}$", description = "19 digits, or 20 with the check digit"),
        ("refresh" = Option<bool>, Query, description = "Read 1NCE first; `last_synced_at` says how old the answer is")
    ),
    responses((status = 200, description = "The SIM", body = Answer<SimView>))
)]
pub async fn get_sim(
    gateway: Data<Gateway>,
    caller: Authenticated<ReadSims>,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let context = caller.0;
    let iccid = path_iccid(&request)?;
    let mut faults = Faults::default();
    let params = Params::read(request.query_string(), &["refresh"], &mut faults);
    let refresh = params.flag("refresh", &mut faults);
    faults.or(())?;
    let request_id = Arc::clone(&context.request_id);
    let span = || span(&request, "GET /api/v1/sims/{iccid}", &request_id);
    let sim = read(&gateway, context, span, iccid, refresh).await?;
    Ok(envelope::serialized(&sim.data, sim.tag, &request_id))
}

/// The state of one SIM
#[utoipa::path(
    get, path = "/api/v1/sims/{iccid}/status", tag = "SIMs", security(("api_key" = ["read:sims"])),
    params(("iccid" = String, Path, pattern = "^89[0-9]{17,18}$", description = "19 digits, or 20 with the check digit")),
    responses((status = 200, description = "The state", body = Answer<SimStatusView>))
)]
pub async fn get_sim_status(
    gateway: Data<Gateway>,
    caller: Authenticated<ReadSims>,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let context = caller.0;
    let iccid = path_iccid(&request)?;
    Params::none(request.query_string()).or(())?;
    let request_id = Arc::clone(&context.request_id);
    let span = || span(&request, "GET /api/v1/sims/{iccid}/status", &request_id);
    let sim = read(&gateway, context, span, iccid, false).await?;
    envelope::answer(StatusCode::OK, &SimStatusView::of(&sim.data)?, &request_id)
}

async fn read(
    gateway: &Data<Gateway>,
    context: RequestContext,
    span: impl FnOnce() -> Span,
    iccid: Iccid,
    refresh: bool,
) -> Result<CachedSim, ApiError> {
    if !refresh && let Some(found) = get::from_memory(gateway, &context, iccid) {
        return found;
    }
    let work = get::get_sim(Arc::clone(gateway), context, iccid, refresh);
    gateway.on_main(work).instrument(span()).await
}

/// Change one SIM
#[utoipa::path(
    put, path = "/api/v1/sims/{iccid}", tag = "SIMs", security(("api_key" = ["write:sims"])),
    params(("iccid" = String, Path, pattern = "^89[0-9]{17,18}$", description = "19 digits, or 20 with the check digit")),
    request_body = UpdateSimBody,
    responses((status = 200, description = "The SIM as it is now", body = Answer<SimView>))
)]
pub async fn update_sim(
    gateway: Data<Gateway>,
    caller: Authenticated<WriteSims>,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, ApiError> {
    let context = caller.0;
    let iccid = path_iccid(&request)?;
    let mut faults = Params::none(request.query_string());
    let body = body::object(&gateway, &request, payload).await?;
    let change = update_body::update_sim(body, &mut faults);
    if let Some(organization) = change.organization_id {
        let answer = can_receive(Arc::clone(&gateway), context.clone(), organization);
        if !gateway.on_main(answer).await? {
            faults.add("organization_id", "is the id of no organization");
        }
    }
    let change = faults.or(change)?;
    let request_id = Arc::clone(&context.request_id);
    let span = span(&request, "PUT /api/v1/sims/{iccid}", &request_id);
    let work = update::update_sim(Arc::clone(&gateway), context, iccid, change);
    let sim = gateway.on_main(work).instrument(span).await?;
    Ok(envelope::serialized(&sim.data, sim.tag, &request_id))
}
