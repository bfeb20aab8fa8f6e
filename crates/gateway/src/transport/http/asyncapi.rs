//! The AsyncAPI document: the events on NATS.

use std::sync::LazyLock;

use actix_web::HttpResponse;
use bytes::Bytes;
use serde_json::{Value, json};

static JSON: LazyLock<Bytes> = LazyLock::new(|| messages::asyncapi().to_string().into());

/// The events on NATS, as an AsyncAPI document
///
/// Channels, headers and payloads of everything that lies in the stream `EVENTS`; also what stands in `data` of
/// `/api/v1/events/stream`.
#[utoipa::path(
    get, path = "/asyncapi.json", tag = "Operations",
    responses((status = 200, description = "AsyncAPI 3.0", body = Object))
)]
pub async fn asyncapi_json() -> HttpResponse {
    HttpResponse::Ok()
        .content_type("application/json")
        .body(JSON.clone())
}

/// The beginning of the document.
pub fn example() -> Value {
    let document = messages::asyncapi();
    json!({ "asyncapi": document["asyncapi"], "info": document["info"], "channels": {}, "operations": {} })
}
