//! Events as they happen, as Server-Sent Events.

mod asyncapi;
mod body;
mod params;
mod view;

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, HeaderName};
use actix_web::{HttpRequest, HttpResponse};
use futures_util::stream;

use super::frame::answer::Reply;
use super::frame::authenticate::ReadSims;
use super::frame::said::{Said, Success};
use super::frame::{Call, Example, Operation, Query, operations};
use crate::auth::Permission;
use crate::error::{ApiCode, ApiError};
use crate::live::{Filter, Full, OpenError};
use asyncapi::{__path_get_asyncapi, get_asyncapi};
use body::LiveBody;
use params::{LastEventId, LiveParams};
use view::EventStreamMessage;

const ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");
/// When a caller who found no place should ask again.
const FULL_RETRY: Duration = Duration::from_secs(5);

pub fn operations() -> Vec<Operation> {
    operations![stream_events, get_asyncapi.unmetered()]
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
#[utoipa::path(get, path = "/api/v1/events/stream", tag = "Events")]
async fn stream_events(
    call: Call<ReadSims>,
    Query(params): Query<LiveParams>,
    LastEventId(header): LastEventId,
) -> Result<EventStream, ApiError> {
    let usage = call.principal().may(Permission::ReadUsage);
    if params.names_usage() && !usage {
        let message = format!("events of usage need the scope {}", Permission::ReadUsage);
        return Err(ApiError::new(ApiCode::Forbidden, message));
    }
    let actor = call.principal().actor();
    let seat = call
        .gateway()
        .live
        .take_seat(format!("{}:{}", actor.kind, actor.id));
    let seat = seat.map_err(full)?;
    let after = header.or(params.last_event_id.map(|id| id.0));
    let filter = Filter {
        types: params.types.map(|types| types.0).unwrap_or_default(),
        iccids: params.iccid.map(|iccids| iccids.0).unwrap_or_default(),
        organization: call.principal().organization,
        usage,
    };
    let open = call.run(|gateway, _| async move { gateway.live.open(filter, after).await.map_err(refused) });
    let feed = open.await?;
    Ok(EventStream(LiveBody::new(call, feed, seat)))
}

/// 200 with messages that do not end.
struct EventStream(LiveBody);

impl Reply for EventStream {
    fn respond(self, _: &HttpRequest) -> Result<HttpResponse, ApiError> {
        Ok(HttpResponse::build(StatusCode::OK)
            .content_type("text/event-stream")
            .insert_header((CACHE_CONTROL, "no-store"))
            .insert_header((ACCEL_BUFFERING, "no"))
            .force_close()
            .streaming(stream::unfold(self.0, LiveBody::step)))
    }

    /// The schema is that of one message, as generators of clients take it.
    fn describe(said: &mut Said) {
        let success = Success {
            status: StatusCode::OK.as_u16(),
            description: "The events, without end; the schema is that of one message",
            content_type: "text/event-stream",
            schema: said.refer::<EventStreamMessage>(),
            examples: vec![("success", EventStreamMessage::example())],
            revalidates: false,
        };
        said.successes.push(success);
    }
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
