use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::web::{self, Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::{Map, Value};
use tracing::{Instrument, Span};

use super::auth::{Authenticated, ManageOrders, WriteSims};
use super::bulk_docs::{ExtendSimsBody, TransferSimsBody, UpdateSimsBody};
use super::envelope::{self, Answer};
use super::jobs_view::JobView;
use super::params::{Faults, Params};
use super::request::span;
use super::{body, bulk_body, idempotency, import, jobs, resource, sims_export};
use crate::app::jobs::{NewJob, create_job};
use crate::app::{Gateway, RequestContext};
use crate::error::ApiError;

/// The largest body: ten thousand ICCIDs and what they get.
const BODY_BYTES: usize = 1024 * 1024;

/// Change many SIMs
///
/// Those that are named, that have a tag, or that a filter matches when the job begins.
#[utoipa::path(
    post, path = "/api/v1/sims", tag = "SIMs", security(("api_key" = ["write:sims"])), request_body = UpdateSimsBody,
    responses((status = 202, description = "The job", body = Answer<JobView>))
)]
pub async fn update_sims(
    gateway: Data<Gateway>,
    caller: Authenticated<WriteSims>,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, ApiError> {
    let span = span(&request, "POST /api/v1/sims", &caller.0.request_id);
    start(gateway, caller.0, request, payload, span, bulk_body::update).await
}

/// Transfer SIMs to another 1NCE organisation
///
/// They leave the account. Only for keys of the whole platform.
#[utoipa::path(
    post, path = "/api/v1/sims/transfer", tag = "SIMs", security(("api_key" = ["write:sims"])),
    request_body = TransferSimsBody,
    responses((status = 202, description = "The job", body = Answer<JobView>))
)]
pub async fn transfer_sims(
    gateway: Data<Gateway>,
    caller: Authenticated<WriteSims>,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, ApiError> {
    let span = span(&request, "POST /api/v1/sims/transfer", &caller.0.request_id);
    start(gateway, caller.0, request, payload, span, bulk_body::transfer).await
}

/// Extend the lifetime of SIMs
///
/// An order at 1NCE, which costs money.
#[utoipa::path(
    post, path = "/api/v1/sims/extension", tag = "SIMs", security(("api_key" = ["manage:orders"])),
    request_body = ExtendSimsBody,
    responses((status = 202, description = "The job", body = Answer<JobView>))
)]
pub async fn extend_sims(
    gateway: Data<Gateway>,
    caller: Authenticated<ManageOrders>,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, ApiError> {
    let span = span(&request, "POST /api/v1/sims/extension", &caller.0.request_id);
    start(gateway, caller.0, request, payload, span, bulk_body::extension).await
}

async fn start(
    gateway: Data<Gateway>,
    context: RequestContext,
    request: HttpRequest,
    payload: Payload,
    span: Span,
    read: fn(Map<String, Value>, &mut Faults) -> NewJob,
) -> Result<HttpResponse, ApiError> {
    let mut faults = Params::none(request.query_string());
    let body = body::json_within(BODY_BYTES, &request, payload).await?;
    let new = read(body::parse(&body)?, &mut faults);
    let receiver = bulk_body::receiver_of(&new);
    bulk_body::receiver(
        &gateway,
        &context,
        receiver,
        "change.organization_id",
        &mut faults,
    )
    .await?;
    let new = faults.or(new)?;
    let request_id = Arc::clone(&context.request_id);
    let (own, by) = (gateway.clone(), context.clone());
    idempotency::once(&gateway, &context, &request, &body, async move |id| {
        let work = create_job(Arc::clone(&own), by, id, new);
        let job = own.on_main(work).instrument(span).await?;
        envelope::answer(StatusCode::ACCEPTED, &JobView::new(job)?, &request_id)
    })
    .await
}

/// What stands beside `/sims/{iccid}` and is no ICCID.
pub fn sims_routes(config: &mut web::ServiceConfig) {
    let post = [
        ("/api/v1/sims/transfer", web::post().to(transfer_sims)),
        ("/api/v1/sims/extension", web::post().to(extend_sims)),
        ("/api/v1/sims/import", web::post().to(import::import_sims)),
    ];
    for (path, route) in post {
        config.service(resource(path, "POST", [route]));
    }
    let export = [web::get().to(sims_export::export_sims)];
    config.service(resource("/api/v1/sims/export", "GET", export));
}

pub fn routes(config: &mut web::ServiceConfig) {
    let post = [
        ("/api/v1/jobs/{id}/pause", web::post().to(jobs::pause_job)),
        ("/api/v1/jobs/{id}/resume", web::post().to(jobs::resume_job)),
    ];
    let get = [
        ("/api/v1/jobs", web::get().to(jobs::list_jobs)),
        ("/api/v1/jobs/{id}/results", web::get().to(jobs::job_results)),
    ];
    for (path, route) in post {
        config.service(resource(path, "POST", [route]));
    }
    for (path, route) in get {
        config.service(resource(path, "GET", [route]));
    }
    let one = [web::get().to(jobs::get_job), web::delete().to(jobs::cancel_job)];
    config.service(resource("/api/v1/jobs/{id}", "GET, DELETE", one));
}
