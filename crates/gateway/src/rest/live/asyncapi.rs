use std::sync::LazyLock;

use actix_web::HttpResponse;
use bytes::Bytes;

use crate::error::ApiError;
use crate::rest::frame::AnyQuery;

static JSON: LazyLock<Bytes> = LazyLock::new(|| messages::asyncapi().to_string().into());

/// The events on NATS, as an AsyncAPI document
///
/// Channels, headers and payloads of everything that lies in the stream `EVENTS`; also what stands in `data` of
/// `/api/v1/events/stream`.
#[utoipa::path(
    get, path = "/asyncapi.json", tag = "Operations",
    responses((
        status = 200, description = "AsyncAPI 3.0", body = Object, content_type = "application/json",
        example = json!({
            "asyncapi": "3.0.0", "info": { "title": "Simward events", "version": "0.1.0" }, "channels": {},
            "operations": {},
        })
    ))
)]
pub async fn get_asyncapi(_: AnyQuery) -> Result<HttpResponse, ApiError> {
    Ok(HttpResponse::Ok()
        .content_type("application/json")
        .body(JSON.clone()))
}
