use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use messages::pb::sim as pb;
use messages::sim_rpc;
use tracing::{Instrument, Span};
use utoipa::IntoParams;
use utoipa::openapi::schema::Object;
use uuid::Uuid;

use super::auth::{Authenticated, ReadSims, WriteSims};
use super::body;
use super::docs_examples::words;
use super::envelope::{self, Answer, Listed};
use super::jobs_view::{JobResultView, JobView, JobWithResultsView};
use super::params::{Faults, Params};
use super::request::span;
use crate::app::jobs::{self, Control};
use crate::app::{Gateway, RequestContext};
use crate::error::ApiError;

const STATUSES: [&str; 7] = [
    "uploading",
    "queued",
    "running",
    "paused",
    "completed",
    "cancelled",
    "failed",
];
const KINDS: [&str; 4] = ["sims.update", "sims.import", "sims.transfer", "sims.extension"];
const OUTCOMES: [&str; 6] = [
    "pending",
    "succeeded",
    "unchanged",
    "failed",
    "uncertain",
    "cancelled",
];
const CURSOR_CHARS: usize = 512;
/// Results that a job shows itself.
const FIRST: u32 = 100;

/// For the documentation; `list_jobs` is what counts.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code, reason = "its fields are the documented parameters")]
pub struct JobsParams {
    #[param(schema_with = statuses)]
    status: Option<String>,
    #[param(schema_with = kinds)]
    kind: Option<String>,
    #[param(minimum = 1, maximum = 100, default = 50)]
    page_size: Option<u32>,
    /// `next_cursor` of an earlier answer.
    #[param(max_length = 512)]
    cursor: Option<String>,
}

/// For the documentation; `job_results` is what counts.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code, reason = "its fields are the documented parameters")]
pub struct JobResultsParams {
    #[param(schema_with = outcomes)]
    outcome: Option<String>,
    #[param(minimum = 1, maximum = 1000, default = 100)]
    page_size: Option<u32>,
    /// `next_cursor` of an earlier answer.
    #[param(max_length = 512)]
    cursor: Option<String>,
}

fn statuses() -> Object {
    words(&STATUSES, None)
}

fn kinds() -> Object {
    words(&KINDS, None)
}

fn outcomes() -> Object {
    words(&OUTCOMES, None)
}

/// Jobs
///
/// The newest first. An organization's key sees its own.
#[utoipa::path(
    get, path = "/api/v1/jobs", tag = "Jobs", params(JobsParams), security(("api_key" = ["read:sims"])),
    responses((status = 200, description = "A page of jobs", body = Listed<JobView>))
)]
pub async fn list_jobs(
    gateway: Data<Gateway>,
    caller: Authenticated<ReadSims>,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let context = caller.0;
    let mut faults = Faults::default();
    let names = ["status", "kind", "cursor", "page_size"];
    let params = Params::read(request.query_string(), &names, &mut faults);
    let question = pb::ListJobsRequest {
        scope: Some(context.principal.scope()),
        status: params.word("status", &STATUSES, &mut faults),
        kind: params.word("kind", &KINDS, &mut faults),
        cursor: params.text("cursor", CURSOR_CHARS, &mut faults),
        page_size: params.number("page_size", 50, 1..=100, &mut faults),
    };
    let question = faults.or(question)?;
    let span = span(&request, "GET /api/v1/jobs", &context.request_id);
    let page = jobs::ask::<sim_rpc::ListJobs>(&gateway, &context, &question)
        .instrument(span)
        .await?;
    let jobs: Result<Vec<JobView>, ApiError> = page.jobs.into_iter().map(JobView::new).collect();
    envelope::listed(&jobs?, question.page_size, page.next_cursor, &context.request_id)
}

/// One job
///
/// With its first 100 results.
#[utoipa::path(
    get, path = "/api/v1/jobs/{id}", tag = "Jobs", security(("api_key" = ["read:sims"])),
    params(("id" = Uuid, Path, description = "`job_id`")),
    responses((status = 200, description = "The job", body = Answer<JobWithResultsView>))
)]
pub async fn get_job(
    gateway: Data<Gateway>,
    caller: Authenticated<ReadSims>,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let context = caller.0;
    let mut faults = Params::none(request.query_string());
    let id = path_id(&request, &mut faults);
    let question = results_of(&context, faults.or(id)?, FIRST);
    let span = span(&request, "GET /api/v1/jobs/{id}", &context.request_id);
    let work = async {
        let job = jobs::get_job(&gateway, &context, id).await?;
        let results = jobs::ask::<sim_rpc::JobResults>(&gateway, &context, &question).await?;
        JobWithResultsView::new(job, results.results)
    };
    let view = work.instrument(span).await?;
    envelope::answer(StatusCode::OK, &view, &context.request_id)
}

/// What became of each SIM of a job
///
/// In the order of the request, or of the file.
#[utoipa::path(
    get, path = "/api/v1/jobs/{id}/results", tag = "Jobs", security(("api_key" = ["read:sims"])),
    params(("id" = Uuid, Path, description = "`job_id`"), JobResultsParams),
    responses((status = 200, description = "A page of results", body = Listed<JobResultView>))
)]
pub async fn job_results(
    gateway: Data<Gateway>,
    caller: Authenticated<ReadSims>,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let context = caller.0;
    let mut faults = Faults::default();
    let params = Params::read(
        request.query_string(),
        &["outcome", "cursor", "page_size"],
        &mut faults,
    );
    let page_size = params.number("page_size", FIRST, 1..=1000, &mut faults);
    let question = pb::JobResultsRequest {
        outcome: params.word("outcome", &OUTCOMES, &mut faults),
        cursor: params.text("cursor", CURSOR_CHARS, &mut faults),
        ..results_of(&context, path_id(&request, &mut faults), page_size)
    };
    let question = faults.or(question)?;
    let span = span(&request, "GET /api/v1/jobs/{id}/results", &context.request_id);
    let page = jobs::ask::<sim_rpc::JobResults>(&gateway, &context, &question)
        .instrument(span)
        .await?;
    let results: Result<Vec<JobResultView>, ApiError> =
        page.results.into_iter().map(JobResultView::new).collect();
    envelope::listed(
        &results?,
        question.page_size,
        page.next_cursor,
        &context.request_id,
    )
}

/// Pause a job
///
/// SIMs that 1NCE is being asked about are finished. A job that is paused already is answered as it is.
#[utoipa::path(
    post, path = "/api/v1/jobs/{id}/pause", tag = "Jobs", security(("api_key" = ["write:sims"])),
    params(("id" = Uuid, Path, description = "`job_id`")),
    responses((status = 200, description = "The job", body = Answer<JobView>))
)]
pub async fn pause_job(
    gateway: Data<Gateway>,
    caller: Authenticated<WriteSims>,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, ApiError> {
    let span = span(&request, "POST /api/v1/jobs/{id}/pause", &caller.0.request_id);
    control(gateway, caller.0, request, payload, span, Control::Pause).await
}

/// Go on with a paused job
#[utoipa::path(
    post, path = "/api/v1/jobs/{id}/resume", tag = "Jobs", security(("api_key" = ["write:sims"])),
    params(("id" = Uuid, Path, description = "`job_id`")),
    responses((status = 200, description = "The job", body = Answer<JobView>))
)]
pub async fn resume_job(
    gateway: Data<Gateway>,
    caller: Authenticated<WriteSims>,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, ApiError> {
    let span = span(&request, "POST /api/v1/jobs/{id}/resume", &caller.0.request_id);
    control(gateway, caller.0, request, payload, span, Control::Resume).await
}

/// Cancel a job
///
/// SIMs that have an outcome keep it; nothing is undone. A job that is cancelled already is answered as it is.
#[utoipa::path(
    delete, path = "/api/v1/jobs/{id}", tag = "Jobs", security(("api_key" = ["write:sims"])),
    params(("id" = Uuid, Path, description = "`job_id`")),
    responses((status = 200, description = "The job", body = Answer<JobView>))
)]
pub async fn cancel_job(
    gateway: Data<Gateway>,
    caller: Authenticated<WriteSims>,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, ApiError> {
    let span = span(&request, "DELETE /api/v1/jobs/{id}", &caller.0.request_id);
    control(gateway, caller.0, request, payload, span, Control::Cancel).await
}

async fn control(
    gateway: Data<Gateway>,
    context: RequestContext,
    request: HttpRequest,
    payload: Payload,
    span: Span,
    action: Control,
) -> Result<HttpResponse, ApiError> {
    let mut faults = Params::none(request.query_string());
    let body = body::json_bytes(&gateway, &request, payload).await?;
    for (name, _) in body::parse_or_nothing(&body)? {
        faults.add(&name, "is no field of this request, which has none");
    }
    let id = path_id(&request, &mut faults);
    let id = faults.or(id)?;
    let request_id = Arc::clone(&context.request_id);
    let work = jobs::control_job(Arc::clone(&gateway), context, id, action);
    let job = gateway.on_main(work).instrument(span).await?;
    envelope::answer(StatusCode::OK, &JobView::new(job)?, &request_id)
}

fn path_id(request: &HttpRequest, faults: &mut Faults) -> Uuid {
    let text = request.match_info().get("id").unwrap_or_default();
    Uuid::parse_str(text).unwrap_or_else(|_| {
        faults.add("id", "is a UUID");
        Uuid::nil()
    })
}

fn results_of(context: &RequestContext, id: Uuid, page_size: u32) -> pb::JobResultsRequest {
    pb::JobResultsRequest {
        scope: Some(context.principal.scope()),
        job_id: id.to_string(),
        outcome: String::new(),
        cursor: String::new(),
        page_size,
    }
}
