use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap};
use actix_web::{HttpRequest, web};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use serde_json::{Map, Value};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::{ContentBuilder, Ref, Required};

use super::example::Example;
use super::fields::{Fields, Source, component};
use super::reading::{Extract, Reading};
use super::said::Said;
use crate::app::Gateway;
use crate::error::{ApiCode, ApiError};

/// A body arrives within this time.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// The JSON object in the body, of at most `LIMIT` bytes; 0 is the limit of the configuration.
pub struct Body<T, const LIMIT: usize = 0> {
    pub value: T,
    /// As they came: what a repeat of the request has to bring again.
    pub bytes: Bytes,
}

/// A body that is read while it comes; the operation's `#[utoipa::path]` says what it is.
pub struct Upload(pub Payload);

impl Extract for Upload {
    async fn extract(reading: &mut Reading) -> Result<Option<Self>, ApiError> {
        let payload = std::mem::replace(&mut reading.payload, Payload::None);
        Ok(Some(Self(payload)))
    }

    fn describe(said: &mut Said) {
        said.may_fail(&[ApiCode::PayloadTooLarge, ApiCode::UnsupportedMediaType]);
    }
}

/// An operation without a body: an empty object does no harm, a field is a mistake.
pub struct NoBody;

impl Extract for NoBody {
    async fn extract(reading: &mut Reading) -> Result<Option<Self>, ApiError> {
        let bytes = json_bytes(reading, 0).await?;
        let fields = if bytes.is_empty() {
            Map::new()
        } else {
            object(&bytes)?
        };
        for name in fields.keys() {
            reading
                .faults
                .add(name, "is no field of this request, which has none");
        }
        Ok(Some(Self))
    }

    fn describe(said: &mut Said) {
        said.may_fail(&[
            ApiCode::Validation,
            ApiCode::PayloadTooLarge,
            ApiCode::UnsupportedMediaType,
        ]);
    }
}

/// A body that may be left out.
pub struct OptionalBody<T>(pub Body<T>);

impl<T: Fields + Example + 'static, const LIMIT: usize> Extract for Body<T, LIMIT> {
    async fn extract(reading: &mut Reading) -> Result<Option<Self>, ApiError> {
        let bytes = json_bytes(reading, LIMIT).await?;
        read(reading, bytes, false)
    }

    fn describe(said: &mut Said) {
        describe::<T>(said, Required::True);
    }
}

impl<T: Fields + Example + 'static> Extract for OptionalBody<T> {
    async fn extract(reading: &mut Reading) -> Result<Option<Self>, ApiError> {
        let bytes = json_bytes(reading, 0).await?;
        Ok(read(reading, bytes, true)?.map(Self))
    }

    fn describe(said: &mut Said) {
        describe::<T>(said, Required::False);
    }
}

fn describe<T: Fields + Example>(said: &mut Said, required: Required) {
    said.may_fail(&[
        ApiCode::Validation,
        ApiCode::PayloadTooLarge,
        ApiCode::UnsupportedMediaType,
    ]);
    said.components
        .push((T::NAME.to_owned(), component::<T>().into()));
    let content = ContentBuilder::new()
        .schema(Some(Ref::from_schema_name(T::NAME)))
        .example(Some(T::example()));
    let body = RequestBodyBuilder::new()
        .content("application/json", content.build())
        .required(Some(required))
        .description(Some(T::DESCRIPTION));
    said.operation.request_body = Some(body.build().into());
}

fn read<T: Fields, const LIMIT: usize>(
    reading: &mut Reading,
    bytes: Bytes,
    may_be_absent: bool,
) -> Result<Option<Body<T, LIMIT>>, ApiError> {
    let object = if bytes.is_empty() && may_be_absent {
        Map::new()
    } else {
        object(&bytes)?
    };
    let value = Source::read::<T>(object, "", &mut reading.faults);
    Ok(value.map(|value| Body { value, bytes }))
}

/// The body, whatever its headers announce; bytes that are there are JSON.
pub(super) async fn json_bytes(reading: &mut Reading, limit: usize) -> Result<Bytes, ApiError> {
    let limit = match (limit, reading.request.app_data::<web::Data<Gateway>>()) {
        (0, Some(gateway)) => gateway.config.listen.body_limit_bytes,
        (0, None) => return Err(ApiError::internal(&"the gateway is not among the app's data")),
        (limit, _) => limit,
    };
    let bytes = collect(limit, &reading.request, &mut reading.payload).await?;
    if !bytes.is_empty() && !is_json(reading.request.headers()) {
        let message = "send the body with Content-Type: application/json";
        return Err(ApiError::new(ApiCode::UnsupportedMediaType, message));
    }
    Ok(bytes)
}

async fn collect(limit: usize, request: &HttpRequest, payload: &mut Payload) -> Result<Bytes, ApiError> {
    let too_large = || {
        let message = format!("a body has at most {limit} bytes");
        ApiError::new(ApiCode::PayloadTooLarge, message)
    };
    let announced = request
        .headers()
        .get(CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > limit) {
        return Err(too_large());
    }
    let collect = async {
        let mut bytes = BytesMut::with_capacity(announced.unwrap_or(0));
        while let Some(chunk) = payload.next().await {
            let chunk = chunk.map_err(|_| ApiError::field("body", "did not arrive completely"))?;
            if bytes.len() + chunk.len() > limit {
                return Err(too_large());
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes.freeze())
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
pub(super) fn object(bytes: &[u8]) -> Result<Map<String, Value>, ApiError> {
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
        assert!(object(b"{}").is_ok());
        for bad in ["", "[]", "null", "{", "{\"a\":1} x", "\u{0}"] {
            assert_eq!(object(bad.as_bytes()).unwrap_err().fields[0].0, "body", "{bad}");
        }
    }
}
