use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use messages::Timestamp;
use messages::pb::usage as pb;
use messages::usage_rpc;
use serde::Serialize;
use tracing::Instrument;
use utoipa::{IntoParams, ToSchema};

use super::auth::{Authenticated, ReadUsage, WriteSims};
use super::envelope::{self, Answer, Listed};
use super::ingest_body::{ReplayRejectsBody, StartUsageSyncBody};
use super::params::{Faults, Params};
use super::request::span;
use super::{body, idempotency, ingest_body};
use crate::app::{Gateway, usage};
use crate::error::ApiError;

const CURSOR_CHARS: usize = 512;

/// How the Data Streamer and the readings by API stand.
#[derive(Debug, Serialize, ToSchema)]
pub struct IngestStatusView {
    streams: Vec<StreamView>,
    /// Received batches that are not merged yet.
    batches_waiting: u64,
    /// Age of the oldest of them.
    lag_seconds: f64,
    /// Records that could not be read and were not replayed.
    rejects_open: u64,
    api_readings: ApiReadingsView,
    /// Closed days of the last five weeks on which stream and API differ by more than rounding explains.
    days_that_differ: u64,
    /// SIMs that sent records and that no inventory knows.
    sims_unknown: u64,
}

/// One of the two streams.
#[derive(Debug, Serialize, ToSchema)]
pub struct StreamView {
    /// `usage` or `events`.
    stream: String,
    /// `never`, `flowing` or `silent`.
    state: String,
    #[schema(value_type = Option<String>, format = DateTime)]
    last_received_at: Option<Timestamp>,
    /// When the newest record ended.
    #[schema(value_type = Option<String>, format = DateTime)]
    last_record_at: Option<Timestamp>,
    #[schema(value_type = Option<String>, format = DateTime)]
    silent_since: Option<Timestamp>,
    records_last_hour: u64,
    records_last_day: u64,
    /// Records that had come before.
    duplicates_last_day: u64,
    rejects_last_day: u64,
    batches_last_day: u64,
    /// What usually comes at this time of the day.
    expected_per_hour: f64,
}

/// Daily usage that is read from 1NCE's API, a SIM a call, inside the request budget.
#[derive(Debug, Serialize, ToSchema)]
pub struct ApiReadingsView {
    /// SIMs that wait for a reading now.
    due: u64,
    read_last_day: u64,
    failed_last_day: u64,
    #[schema(value_type = Option<String>, format = DateTime)]
    last_read_at: Option<Timestamp>,
    last_error: Option<String>,
    /// 1NCE offers usage by API to the account.
    available: bool,
}

/// A record that could not be read.
#[derive(Debug, Serialize, ToSchema)]
pub struct RejectView {
    id: String,
    /// `usage`, `event` or `unknown`.
    kind: String,
    reason: String,
    /// As received; null when it is no text.
    raw: Option<String>,
    /// As received, in Base64, when it is no text.
    raw_base64: Option<String>,
    /// The batch that brought it last.
    batch: String,
    /// How often it came.
    seen: u64,
    #[schema(value_type = Option<String>, format = DateTime)]
    received_at: Option<Timestamp>,
    #[schema(value_type = Option<String>, format = DateTime)]
    replayed_at: Option<Timestamp>,
}

/// What became of rejected records that were read again.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReplayedView {
    accepted: u64,
    /// Rejected again; their reason is today's.
    rejected: u64,
}

/// Readings by API that were made due.
#[derive(Debug, Serialize, ToSchema)]
pub struct StartedUsageSyncView {
    sims_queued: u64,
    /// Where to follow them.
    status_url: &'static str,
}

impl From<pb::IngestStatusResponse> for IngestStatusView {
    fn from(status: pb::IngestStatusResponse) -> Self {
        let readings = status.api_readings.unwrap_or_default();
        Self {
            streams: status.streams.into_iter().map(Into::into).collect(),
            batches_waiting: status.batches_waiting,
            lag_seconds: status.lag_seconds,
            rejects_open: status.rejects_open,
            api_readings: ApiReadingsView {
                due: readings.due,
                read_last_day: readings.read_last_day,
                failed_last_day: readings.failed_last_day,
                last_read_at: readings.last_read_at,
                last_error: (!readings.last_error.is_empty()).then_some(readings.last_error),
                available: readings.available,
            },
            days_that_differ: status.days_that_differ,
            sims_unknown: status.sims_unknown,
        }
    }
}

impl From<pb::StreamStatus> for StreamView {
    fn from(stream: pb::StreamStatus) -> Self {
        Self {
            stream: stream.stream,
            state: stream.state,
            last_received_at: stream.last_received_at,
            last_record_at: stream.last_record_at,
            silent_since: stream.silent_since,
            records_last_hour: stream.records_last_hour,
            records_last_day: stream.records_last_day,
            duplicates_last_day: stream.duplicates_last_day,
            rejects_last_day: stream.rejects_last_day,
            batches_last_day: stream.batches_last_day,
            expected_per_hour: stream.expected_per_hour,
        }
    }
}

impl From<pb::Reject> for RejectView {
    fn from(reject: pb::Reject) -> Self {
        let (raw, raw_base64) = match String::from_utf8(reject.raw) {
            Ok(text) => (Some(text), None),
            Err(bytes) => (None, Some(BASE64_STANDARD.encode(bytes.as_bytes()))),
        };
        Self {
            id: reject.id,
            kind: reject.kind,
            reason: reject.reason,
            raw,
            raw_base64,
            batch: reject.batch,
            seen: reject.seen,
            received_at: reject.received_at,
            replayed_at: reject.replayed_at,
        }
    }
}

/// For the documentation; `list_rejects` is what counts.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code, reason = "its fields are the documented parameters")]
pub struct RejectsParams {
    #[param(minimum = 1, maximum = 100, default = 50)]
    page_size: Option<u32>,
    /// `next_cursor` of an earlier answer.
    #[param(max_length = 512)]
    cursor: Option<String>,
    /// Also those that were read again.
    #[param(default = false)]
    include_replayed: Option<bool>,
}

/// How the Data Streamer stands
///
/// Only for keys of the whole platform.
#[utoipa::path(
    get, path = "/api/v1/ingest/status", tag = "Ingest", security(("api_key" = ["read:usage"])),
    responses((status = 200, description = "The streams, what waits, what was rejected", body = Answer<IngestStatusView>))
)]
pub async fn ingest_status(
    gateway: Data<Gateway>,
    caller: Authenticated<ReadUsage>,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let context = caller.0;
    Params::none(request.query_string()).or(())?;
    let span = span(&request, "GET /api/v1/ingest/status", &context.request_id);
    let question = pb::IngestStatusRequest {};
    let status = usage::ask_as_platform::<usage_rpc::IngestStatus>(&gateway, &context, &question)
        .instrument(span)
        .await?;
    envelope::answer(
        StatusCode::OK,
        &IngestStatusView::from(status),
        &context.request_id,
    )
}

/// Records that could not be read
///
/// The oldest first. Only for keys of the whole platform.
#[utoipa::path(
    get, path = "/api/v1/ingest/rejects", tag = "Ingest", params(RejectsParams),
    security(("api_key" = ["read:usage"])),
    responses((status = 200, description = "A page of rejected records", body = Listed<RejectView>))
)]
pub async fn list_rejects(
    gateway: Data<Gateway>,
    caller: Authenticated<ReadUsage>,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let context = caller.0;
    let mut faults = Faults::default();
    let names = ["page_size", "cursor", "include_replayed"];
    let params = Params::read(request.query_string(), &names, &mut faults);
    let question = pb::ListRejectsRequest {
        page_size: params.number("page_size", 50, 1..=100, &mut faults),
        cursor: params.text("cursor", CURSOR_CHARS, &mut faults),
        include_replayed: params.flag("include_replayed", &mut faults),
    };
    let question = faults.or(question)?;
    let span = span(&request, "GET /api/v1/ingest/rejects", &context.request_id);
    let answer = usage::ask_as_platform::<usage_rpc::ListRejects>(&gateway, &context, &question)
        .instrument(span)
        .await?;
    let rejects: Vec<RejectView> = answer.rejects.into_iter().map(Into::into).collect();
    envelope::listed(
        &rejects,
        question.page_size,
        answer.next_cursor,
        &context.request_id,
    )
}

/// Read rejected records again
///
/// With today's rules; what is read now is stored as if it had just come. Only for keys of the whole platform.
#[utoipa::path(
    post, path = "/api/v1/ingest/rejects/replay", tag = "Ingest", security(("api_key" = ["write:sims"])),
    request_body = ReplayRejectsBody,
    responses((status = 200, description = "What became of them", body = Answer<ReplayedView>))
)]
pub async fn replay_rejects(
    gateway: Data<Gateway>,
    caller: Authenticated<WriteSims>,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, ApiError> {
    let context = caller.0;
    let faults = Params::none(request.query_string());
    let body = body::json_bytes(&gateway, &request, payload).await?;
    let ids = ingest_body::replay(body::parse(&body)?, faults)?;
    let request_id = Arc::clone(&context.request_id);
    let span = span(&request, "POST /api/v1/ingest/rejects/replay", &request_id);
    let (own, by) = (gateway.clone(), context.clone());
    idempotency::once(&gateway, &context, &request, &body, async move |_| {
        let work = usage::replay_rejects(Arc::clone(&own), by, ids);
        let replayed = own.on_main(work).instrument(span).await?;
        let view = ReplayedView {
            accepted: replayed.accepted,
            rejected: replayed.rejected,
        };
        envelope::answer(StatusCode::OK, &view, &request_id)
    })
    .await
}

/// Read usage from 1NCE's API
///
/// One SIM before everything else, or every SIM that the key may see, behind what persons ask for. One call reads one
/// SIM, so a fleet takes its time.
#[utoipa::path(
    post, path = "/api/v1/sync/usage", tag = "Sync", security(("api_key" = ["write:sims"])),
    request_body = StartUsageSyncBody,
    responses((status = 202, description = "The readings are due", body = Answer<StartedUsageSyncView>))
)]
pub async fn start_usage_sync(
    gateway: Data<Gateway>,
    caller: Authenticated<WriteSims>,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, ApiError> {
    let context = caller.0;
    let faults = Params::none(request.query_string());
    let body = body::json_bytes(&gateway, &request, payload).await?;
    let (iccid, start_date) = ingest_body::start_usage_sync(body::parse_or_nothing(&body)?, faults)?;
    let request_id = Arc::clone(&context.request_id);
    let span = span(&request, "POST /api/v1/sync/usage", &request_id);
    let (own, by) = (gateway.clone(), context.clone());
    idempotency::once(&gateway, &context, &request, &body, async move |_| {
        let work = usage::start_usage_sync(Arc::clone(&own), by, iccid, start_date);
        let started = own.on_main(work).instrument(span).await?;
        let view = StartedUsageSyncView {
            sims_queued: started.sims_queued,
            status_url: "/api/v1/ingest/status",
        };
        envelope::answer(StatusCode::ACCEPTED, &view, &request_id)
    })
    .await
}
