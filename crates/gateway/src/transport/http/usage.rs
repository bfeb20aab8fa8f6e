use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse, web};
use messages::pb::usage as pb;
use messages::usage_rpc;
use tracing::Instrument;

use super::auth::{Authenticated, ReadUsage};
use super::envelope::{self, Answer, Listed};
use super::request::{path_iccid, span};
use super::usage_query::{self, DifferencesParams, SimUsageParams, SummaryParams, TopParams};
use super::usage_view::{DayDifferenceView, SimUsageView, TopUsageView, UsageSummaryView};
use super::{ingest, resource, sim_events, usage_export};
use crate::app::{Gateway, usage};
use crate::error::ApiError;

/// What one SIM used
///
/// By hour, day, week (from Monday) or month of a time zone. Days come from exact sums of the received records, and
/// from 1NCE's API where the stream brought less than rounding explains.
#[utoipa::path(
    get, path = "/api/v1/sims/{iccid}/usage", tag = "Usage", security(("api_key" = ["read:usage"])),
    params(
        ("iccid" = String, Path, pattern = "^89[0-9]{17,18}$", description = "19 digits, or 20 with the check digit"),
        SimUsageParams
    ),
    responses((status = 200, description = "The usage", body = Answer<SimUsageView>))
)]
pub async fn sim_usage(
    gateway: Data<Gateway>,
    caller: Authenticated<ReadUsage>,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let context = caller.0;
    let iccid = path_iccid(&request)?;
    let query = usage_query::sim_usage(request.query_string())?;
    let span = span(&request, "GET /api/v1/sims/{iccid}/usage", &context.request_id);
    let question = pb::SimUsageRequest {
        scope: Some(context.principal.scope()),
        iccid: iccid.to_string(),
        start_date: query.period.start.to_string(),
        end_date: query.period.end.to_string(),
        granularity: query.granularity.clone(),
        time_zone: query.zone.clone(),
    };
    let answer = usage::ask::<usage_rpc::SimUsage>(&gateway, &context, &question)
        .instrument(span)
        .await?;
    let view = SimUsageView::new(iccid.to_string(), query, answer.periods);
    envelope::answer(StatusCode::OK, &view, &context.request_id)
}

/// What the fleet used
///
/// The sum, and groups of it by day, country, operator, RAT or tag.
#[utoipa::path(
    get, path = "/api/v1/usage/summary", tag = "Usage", params(SummaryParams), security(("api_key" = ["read:usage"])),
    responses((status = 200, description = "The sums", body = Answer<UsageSummaryView>))
)]
pub async fn usage_summary(
    gateway: Data<Gateway>,
    caller: Authenticated<ReadUsage>,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let context = caller.0;
    let query = usage_query::summary(request.query_string())?;
    let span = span(&request, "GET /api/v1/usage/summary", &context.request_id);
    let question = pb::UsageSummaryRequest {
        scope: Some(context.principal.scope()),
        start_date: query.period.start.to_string(),
        end_date: query.period.end.to_string(),
        group_by: query.group_by.clone(),
        tag: query.tag.clone(),
    };
    let mut answer = usage::ask::<usage_rpc::UsageSummary>(&gateway, &context, &question)
        .instrument(span)
        .await?;
    let sum = answer.sum.take().ok_or_else(|| usage::lacks("sum"))?;
    let view = UsageSummaryView::new(query, sum, answer);
    envelope::answer(StatusCode::OK, &view, &context.request_id)
}

/// The SIMs that use most
///
/// An answer may be a minute old.
#[utoipa::path(
    get, path = "/api/v1/usage/top", tag = "Usage", params(TopParams), security(("api_key" = ["read:usage"])),
    responses((status = 200, description = "The SIMs, the largest first", body = Answer<TopUsageView>))
)]
pub async fn top_usage(
    gateway: Data<Gateway>,
    caller: Authenticated<ReadUsage>,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let context = caller.0;
    let query = usage_query::top(request.query_string())?;
    let span = span(&request, "GET /api/v1/usage/top", &context.request_id);
    let question = pb::TopUsageRequest {
        scope: Some(context.principal.scope()),
        start_date: query.period.start.to_string(),
        end_date: query.period.end.to_string(),
        by: query.by.clone(),
        limit: query.limit,
        tag: query.tag.clone(),
    };
    let answer = usage::ask::<usage_rpc::TopUsage>(&gateway, &context, &question)
        .instrument(span)
        .await?;
    let view = TopUsageView::new(query, answer.sims);
    envelope::answer(StatusCode::OK, &view, &context.request_id)
}

/// Days on which stream and API differ
///
/// Closed days whose numbers differ by more than rounding up to a KB per record explains.
#[utoipa::path(
    get, path = "/api/v1/usage/differences", tag = "Usage", params(DifferencesParams),
    security(("api_key" = ["read:usage"])),
    responses((status = 200, description = "The days", body = Listed<DayDifferenceView>))
)]
pub async fn usage_differences(
    gateway: Data<Gateway>,
    caller: Authenticated<ReadUsage>,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let context = caller.0;
    let query = usage_query::differences(request.query_string())?;
    let span = span(&request, "GET /api/v1/usage/differences", &context.request_id);
    let question = pb::DifferencesRequest {
        scope: Some(context.principal.scope()),
        start_date: query.period.start.to_string(),
        end_date: query.period.end.to_string(),
        page_size: query.page_size,
        cursor: query.cursor,
    };
    let answer = usage::ask::<usage_rpc::Differences>(&gateway, &context, &question)
        .instrument(span)
        .await?;
    let days: Vec<DayDifferenceView> = answer.days.into_iter().map(Into::into).collect();
    envelope::listed(&days, query.page_size, answer.next_cursor, &context.request_id)
}

pub fn routes(config: &mut web::ServiceConfig) {
    let get = [
        ("/api/v1/sims/{iccid}/usage", web::get().to(sim_usage)),
        (
            "/api/v1/sims/{iccid}/events",
            web::get().to(sim_events::sim_events),
        ),
        ("/api/v1/usage/summary", web::get().to(usage_summary)),
        ("/api/v1/usage/top", web::get().to(top_usage)),
        ("/api/v1/usage/export", web::get().to(usage_export::export_usage)),
        ("/api/v1/usage/differences", web::get().to(usage_differences)),
        ("/api/v1/ingest/status", web::get().to(ingest::ingest_status)),
        ("/api/v1/ingest/rejects", web::get().to(ingest::list_rejects)),
    ];
    let post = [
        (
            "/api/v1/ingest/rejects/replay",
            web::post().to(ingest::replay_rejects),
        ),
        ("/api/v1/sync/usage", web::post().to(ingest::start_usage_sync)),
    ];
    for (path, route) in get {
        config.service(resource(path, "GET", [route]));
    }
    for (path, route) in post {
        config.service(resource(path, "POST", [route]));
    }
}
