use std::time::Duration;

use actix_web::http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap};
use actix_web::web::Payload;
use actix_web::{HttpRequest, web};
use futures_util::StreamExt;
use serde_json::{Map, Value};

use crate::app::Gateway;
use crate::error::{ApiCode, ApiError};

/// A body arrives within this time.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// The JSON object in the body; an absent body is an empty object only where the route says so.
pub async fn object(
    gateway: &web::Data<Gateway>,
    request: &HttpRequest,
    payload: Payload,
) -> Result<Map<String, Value>, ApiError> {
    let bytes = json_bytes(gateway, request, payload).await?;
    parse(&bytes)
}

/// The object in these bytes for a route that works without a body.
pub fn parse_or_nothing(bytes: &[u8]) -> Result<Map<String, Value>, ApiError> {
    if bytes.is_empty() {
        Ok(Map::new())
    } else {
        parse(bytes)
    }
}

/// The body, whatever its headers announce; bytes that are there are JSON.
pub async fn json_bytes(
    gateway: &web::Data<Gateway>,
    request: &HttpRequest,
    payload: Payload,
) -> Result<Vec<u8>, ApiError> {
    json_within(gateway.config.listen.body_limit_bytes, request, payload).await
}

/// The same where a body may have this many bytes.
pub async fn json_within(limit: usize, request: &HttpRequest, payload: Payload) -> Result<Vec<u8>, ApiError> {
    let bytes = read(limit, request, payload).await?;
    if !bytes.is_empty() && !is_json(request.headers()) {
        let message = "send the body with Content-Type: application/json";
        return Err(ApiError::new(ApiCode::UnsupportedMediaType, message));
    }
    Ok(bytes)
}

async fn read(limit: usize, request: &HttpRequest, mut payload: Payload) -> Result<Vec<u8>, ApiError> {
    let too_large = || {
        ApiError::new(
            ApiCode::PayloadTooLarge,
            format!("a body has at most {limit} bytes"),
        )
    };
    let announced = request
        .headers()
        .get(CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > limit) {
        return Err(too_large());
    }
    let collect = async {
        let mut bytes = Vec::with_capacity(announced.unwrap_or(0));
        while let Some(chunk) = payload.next().await {
            let chunk = chunk.map_err(|_| ApiError::field("body", "did not arrive completely"))?;
            if bytes.len() + chunk.len() > limit {
                return Err(too_large());
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    };
    tokio::time::timeout(BODY_TIMEOUT, collect)
        .await
        .unwrap_or_else(|_| Err(ApiError::field("body", "did not arrive within 10 seconds")))
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = kind.and_then(|kind| kind.split(';').next()).unwrap_or_default();
    essence.trim().eq_ignore_ascii_case("application/json")
}

/// The JSON object in these bytes.
pub fn parse(bytes: &[u8]) -> Result<Map<String, Value>, ApiError> {
    if bytes.is_empty() {
        return Err(ApiError::field("body", "is missing"));
    }
    match serde_json::from_slice(bytes) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(ApiError::field("body", "is no JSON object")),
        Err(error) => {
            let reason = format!("is no JSON: line {}, column {}", error.line(), error.column());
            Err(ApiError::field("body", reason))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_object_is_a_body() {
        assert!(parse(b"{}").is_ok());
        for bad in ["", "[]", "null", "{", "{\"a\":1} x", "\u{0}"] {
            assert_eq!(parse(bad.as_bytes()).unwrap_err().fields[0].0, "body", "{bad}");
        }
    }
}
