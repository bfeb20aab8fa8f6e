//! The one form of every answer: `success`, `data` or `error`, `meta`.

use std::cell::Cell;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, ETAG, HeaderValue};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::state::RequestState;
use crate::cache::Tag;
use crate::error::{ApiCode, ApiError};
use crate::wire::word::{OneOf, Word};

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// When an answer was made, and to which request.
#[derive(Debug, Serialize, ToSchema)]
pub struct Meta {
    /// RFC 3339, UTC.
    #[schema(format = DateTime)]
    timestamp: String,
    /// The client's `X-Request-Id`, or a made one.
    request_id: String,
    /// Where the request is found among the traces; absent when it is not traced.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    trace_id: Option<String>,
}

/// Where a page stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Pagination {
    pub total: u64,
    /// Counting stopped at `total`; there are more.
    pub total_is_capped: bool,
    /// 1-based; null when a cursor was followed.
    pub page: Option<u32>,
    pub page_size: u32,
    pub total_pages: u64,
    pub has_next: bool,
    pub has_prev: bool,
    /// Give it as `cursor` to read on; null on the last page.
    pub next_cursor: Option<String>,
}

/// Where such a page stands; nobody counts what is behind it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct CursorPagination {
    pub page_size: u32,
    pub has_next: bool,
    /// Give it as `cursor` to read on; null on the last page.
    pub next_cursor: Option<String>,
}

impl OneOf for ApiCode {
    const NAME: &'static str = "ErrorCode";
    const DESCRIPTION: &'static str = "What went wrong, for a program. The list is closed.";

    fn all() -> Vec<Self> {
        Self::ALL.to_vec()
    }

    fn word(self) -> &'static str {
        self.row().0
    }
}

/// The code of an error, as the document names it.
type ErrorCode = Word<ApiCode>;

/// What went wrong.
#[derive(Debug, Serialize, ToSchema)]
pub struct Fault {
    #[schema(value_type = ErrorCode)]
    code: &'static str,
    /// For a person.
    message: String,
    details: FaultDetails,
}

/// More about it.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct FaultDetails {
    /// Every field that was not accepted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    fields: Vec<FieldFault>,
}

/// One field that was not accepted.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct FieldFault {
    field: String,
    reason: String,
}

/// The answer to a request that failed.
#[derive(Debug, Serialize, ToSchema)]
pub struct Failure {
    success: bool,
    error: Fault,
    meta: Meta,
}

const OPENING: &[u8] = br#"{"success":true,"data":"#;

/// 200 with `data` that is serialized already and has this tag.
pub fn serialized(data: &[u8], etag: HeaderValue, state: &RequestState) -> HttpResponse {
    let mut body = Vec::with_capacity(data.len() + 224);
    body.extend_from_slice(OPENING);
    body.extend_from_slice(data);
    close(&mut body, state);
    respond(StatusCode::OK, Some(etag), body)
}

/// An answer with this `data`.
pub fn answer<T: Serialize>(
    status: StatusCode,
    data: &T,
    state: &RequestState,
) -> Result<HttpResponse, ApiError> {
    let mut body = OPENING.to_vec();
    write(&mut body, data)?;
    let tag = (status == StatusCode::OK).then(|| Tag::of(&[&body[OPENING.len()..]]).header());
    close(&mut body, state);
    Ok(respond(status, tag, body))
}

/// 200 with a page.
pub fn page<T: Serialize>(
    data: &[T],
    pagination: &Pagination,
    state: &RequestState,
) -> Result<HttpResponse, ApiError> {
    paged(data, pagination, state)
}

/// 200 with a page that only a cursor leads on from; an empty cursor ends it.
pub fn listed<T: Serialize>(
    data: &[T],
    page_size: u32,
    next_cursor: String,
    state: &RequestState,
) -> Result<HttpResponse, ApiError> {
    let next_cursor = (!next_cursor.is_empty()).then_some(next_cursor);
    let pagination = CursorPagination {
        page_size,
        has_next: next_cursor.is_some(),
        next_cursor,
    };
    paged(data, &pagination, state)
}

fn paged<T: Serialize, P: Serialize>(
    data: &[T],
    pagination: &P,
    state: &RequestState,
) -> Result<HttpResponse, ApiError> {
    let mut body = Vec::with_capacity(1024 * data.len() + 512);
    body.extend_from_slice(OPENING);
    write(&mut body, &data)?;
    body.extend_from_slice(br#","pagination":"#);
    write(&mut body, pagination)?;
    let tag = Tag::of(&[&body[OPENING.len()..]]).header();
    close(&mut body, state);
    Ok(respond(StatusCode::OK, Some(tag), body))
}

/// The body of an answer to a request that failed.
pub fn failure(error: &ApiError, state: &RequestState) -> Vec<u8> {
    let fields = error.fields.iter().map(|(field, reason)| FieldFault {
        field: field.clone(),
        reason: reason.clone(),
    });
    let failure = Failure {
        success: false,
        error: Fault {
            code: error.code.row().0,
            message: error.message.clone().into_owned(),
            details: FaultDetails {
                fields: fields.collect(),
            },
        },
        meta: Meta {
            timestamp: String::from_utf8_lossy(&now()).into_owned(),
            request_id: state.id.to_string(),
            trace_id: state.trace.get().map(|trace| trace.text()),
        },
    };
    serde_json::to_vec(&failure).unwrap_or_default()
}

fn close(body: &mut Vec<u8>, state: &RequestState) {
    body.extend_from_slice(br#","meta":{"timestamp":""#);
    body.extend_from_slice(&now());
    body.extend_from_slice(br#"","request_id":""#);
    // Visible ASCII: only these two need an escape.
    for byte in state.id.bytes() {
        if matches!(byte, b'"' | b'\\') {
            body.push(b'\\');
        }
        body.push(byte);
    }
    if let Some(trace) = state.trace.get() {
        body.extend_from_slice(br#"","trace_id":""#);
        body.extend_from_slice(trace.as_bytes());
    }
    body.extend_from_slice(br#""}}"#);
}

fn write<T: Serialize>(body: &mut Vec<u8>, value: &T) -> Result<(), ApiError> {
    serde_json::to_writer(body, value).map_err(|error| ApiError::internal(&error))
}

/// The middleware takes the tag away again where it has no place.
fn respond(status: StatusCode, etag: Option<HeaderValue>, body: Vec<u8>) -> HttpResponse {
    let mut response = HttpResponse::build(status);
    response.insert_header((CONTENT_TYPE, JSON));
    if let Some(etag) = etag {
        response.insert_header((ETAG, etag));
    }
    response.body(body)
}

thread_local! {
    /// The last second that an answer was made in, and its text: an answer formats milliseconds only.
    static SECOND: Cell<(i64, [u8; 19])> = const { Cell::new((i64::MIN, [0; 19])) };
}

/// The present moment in RFC 3339, UTC, with milliseconds.
fn now() -> [u8; 24] {
    let milliseconds = Utc::now().timestamp_millis();
    let second = milliseconds.div_euclid(1000);
    let (known, mut text) = SECOND.get();
    if known != second {
        let moment = DateTime::from_timestamp(second, 0).unwrap_or_default();
        let formatted = moment.format("%Y-%m-%dT%H:%M:%S").to_string();
        for (digit, byte) in text.iter_mut().zip(formatted.bytes()) {
            *digit = byte;
        }
        SECOND.set((second, text));
    }
    let mut now = *b"0000-00-00T00:00:00.000Z";
    now[..19].copy_from_slice(&text);
    let rest = milliseconds.rem_euclid(1000);
    for (place, unit) in [(20, 100), (21, 10), (22, 1)] {
        now[place] = b'0' + u8::try_from(rest / unit % 10).unwrap_or(0);
    }
    now
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::body::to_bytes;
    use serde_json::{Value, json};

    fn state(id: &str) -> RequestState {
        RequestState::new(id.into(), None)
    }

    #[test]
    fn the_moment_is_that_of_the_clock() {
        for _ in 0..3 {
            let before = Utc::now().timestamp_millis();
            let told = String::from_utf8(now().to_vec()).unwrap();
            let told = told.parse::<DateTime<Utc>>().unwrap().timestamp_millis();
            assert!((before..=Utc::now().timestamp_millis()).contains(&told));
        }
    }

    fn without_time(body: &[u8]) -> String {
        let mut value: Value = serde_json::from_slice(body).unwrap();
        let timestamp = value["meta"]["timestamp"].take();
        assert!(timestamp.as_str().unwrap().parse::<DateTime<Utc>>().is_ok());
        value.to_string()
    }

    #[actix_web::test]
    async fn every_form_of_the_envelope() {
        let one =
            to_bytes(serialized(br#"{"iccid":"1"}"#, Tag::of(&[]).header(), &state(r#"a"b\c"#)).into_body())
                .await
                .unwrap();
        insta::assert_snapshot!(without_time(&one), @r#"{"data":{"iccid":"1"},"meta":{"request_id":"a\"b\\c","timestamp":null},"success":true}"#);

        let pagination = Pagination {
            total: 3,
            total_is_capped: false,
            page: Some(1),
            page_size: 2,
            total_pages: 2,
            has_next: true,
            has_prev: false,
            next_cursor: Some("c".into()),
        };
        let many = page(&[json!({"iccid": "1"})], &pagination, &state("r")).unwrap();
        let many = to_bytes(many.into_body()).await.unwrap();
        insta::assert_snapshot!(without_time(&many), @r#"{"data":[{"iccid":"1"}],"meta":{"request_id":"r","timestamp":null},"pagination":{"has_next":true,"has_prev":false,"next_cursor":"c","page":1,"page_size":2,"total":3,"total_is_capped":false,"total_pages":2},"success":true}"#);

        let mut error = ApiError::field("label", "is too long");
        insta::assert_snapshot!(without_time(&failure(&error, &state("r"))), @r#"{"error":{"code":"VALIDATION_ERROR","details":{"fields":[{"field":"label","reason":"is too long"}]},"message":"the request has invalid fields"},"meta":{"request_id":"r","timestamp":null},"success":false}"#);
        error = ApiError::new(ApiCode::NotFound, "the SIM does not exist");
        insta::assert_snapshot!(without_time(&failure(&error, &state("r"))), @r#"{"error":{"code":"NOT_FOUND","details":{},"message":"the SIM does not exist"},"meta":{"request_id":"r","timestamp":null},"success":false}"#);
    }
}
