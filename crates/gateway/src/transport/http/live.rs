//! Events as they happen, as Server-Sent Events.

use std::sync::Arc;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, HeaderName};
use actix_web::web::{self, Data};
use actix_web::{HttpRequest, HttpResponse};
use futures_util::stream;
use serde_json::{Value, json};
use utoipa::OpenApi;

use super::area::{Area, Example};
use super::auth::{Authenticated, ReadSims};
use super::live_body::LiveBody;
use super::live_query::{self, LiveParams};
use super::{asyncapi, resource};
use crate::app::Gateway;
use crate::auth::Permission;
use crate::error::{ApiCode, ApiError};
use crate::live::{Filter, Full, OpenError, named};

pub const AREA: Area = Area {
    routes,
    document: Document::openapi,
    request: |_| None,
    success,
    failures: |route| match route {
        "get /api/v1/events/stream" => &[ApiCode::RateLimited],
        _ => &[],
    },
};

const ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");
/// When a caller who found no place should ask again.
const FULL_RETRY: Duration = Duration::from_secs(5);

#[derive(OpenApi)]
#[openapi(paths(stream_events, asyncapi::asyncapi_json))]
struct Document;

fn routes(config: &mut web::ServiceConfig) {
    config
        .service(resource(
            "/api/v1/events/stream",
            "GET",
            [web::get().to(stream_events)],
        ))
        .service(resource(
            "/asyncapi.json",
            "GET",
            [web::get().to(asyncapi::asyncapi_json)],
        ));
}

fn success(route: &str) -> Option<Example> {
    match route {
        "get /api/v1/events/stream" => {
            let event = json!({
                "id": "019cf7a0-0000-7000-8000-000000000003", "type": "sim.status_changed", "source": "sim-service",
                "time": "2026-07-01T12:00:00.000000Z", "iccid": "8988999000000000017",
                "organization_id": "00000000-0000-0000-0000-000000000001",
                "data": {
                    "iccid": "8988999000000000017", "account": "main",
                    "organization_id": "00000000-0000-0000-0000-000000000001", "revision": 7,
                    "old_status": "Enabled", "new_status": "Disabled",
                },
            });
            let event = named(Some(4711), "sim.status_changed", &event);
            let text = format!("retry: 3000\nid: 4710\n\n{}", String::from_utf8_lossy(&event));
            Some(Example::Whole(Value::String(text)))
        }
        "get /asyncapi.json" => Some(Example::Whole(asyncapi::example())),
        _ => None,
    }
}

/// Events as they happen
///
/// Server-Sent Events. `id` is the event's place in the stream, `event` its type, `data` one line of JSON: `id`, `type`,
/// `source`, `time`, `iccid`, `organization_id` and `data`, which is described in `/asyncapi.json`. A payload that this
/// version does not know has `data: null` and `data_base64`. With `Last-Event-ID` everything behind that event comes
/// first, in order, each once; 7 days are kept. Beside events of NATS there are `gap` (`from` and `to`, ids that are kept
/// no more), `dropped` (the client reads too slowly; connect again with `last_event_id`) and `closed` (`reason`:
/// `credentials`, `shutdown` or `stream restarted`: connect without an id). A comment comes every 15 seconds. A key of an
/// organization gets its events only; events of usage need the scope `read:usage` too.
#[utoipa::path(
    get, path = "/api/v1/events/stream", tag = "Events", security(("api_key" = ["read:sims"])),
    params(
        LiveParams,
        ("Last-Event-ID" = Option<String>, Header, description = "Begin behind this event", example = "4711")
    ),
    responses((status = 200, description = "The events, without end", body = String, content_type = "text/event-stream"))
)]
pub async fn stream_events(
    gateway: Data<Gateway>,
    caller: Authenticated<ReadSims>,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let context = caller.0;
    let query = live_query::read(&request)?;
    let usage = context.principal.may(Permission::ReadUsage);
    if query.names_usage() && !usage {
        let message = format!("events of usage need the scope {}", Permission::ReadUsage);
        return Err(ApiError::new(ApiCode::Forbidden, message));
    }
    let actor = context.principal.actor();
    let seat = gateway
        .live
        .take_seat(format!("{}:{}", actor.kind, actor.id))
        .map_err(full)?;
    let filter = Filter {
        types: query.types,
        iccids: query.iccids,
        organization: context.principal.organization,
        usage,
    };
    let live = Arc::clone(&gateway.live);
    let open = async move { live.open(filter, query.after).await.map_err(refused) };
    let feed = gateway.on_main(open).await?;
    let body = LiveBody::new(gateway, request, &context.principal, feed, seat);
    Ok(HttpResponse::build(StatusCode::OK)
        .content_type("text/event-stream")
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((ACCEL_BUFFERING, "no"))
        .force_close()
        .streaming(stream::unfold(body, LiveBody::step)))
}

fn full(full: Full) -> ApiError {
    let error = match full {
        Full::Caller => ApiError::new(
            ApiCode::RateLimited,
            "the caller has as many open streams as it may",
        ),
        Full::Process => ApiError::new(ApiCode::Unavailable, "as many streams are open as there may be"),
    };
    ApiError {
        retry_after: Some(FULL_RETRY),
        ..error
    }
}

fn refused(error: OpenError) -> ApiError {
    match &error {
        OpenError::Future { .. } => ApiError::field("last_event_id", error.to_string()),
        OpenError::NotReady | OpenError::Bus(_) => {
            tracing::error!(%error, "a stream of events cannot begin");
            ApiError::new(ApiCode::Unavailable, "the events cannot be read now")
        }
    }
}
