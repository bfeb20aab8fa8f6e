//! `Idempotency-Key`: a POST that is repeated with the same key is done once.

use std::future::Future;
use std::time::Duration;

use actix_web::body::to_bytes;
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use actix_web::{HttpRequest, HttpResponse, web};
use tokio::time::Instant;
use uuid::Uuid;

use super::envelope;
use super::state::RequestState;
use crate::app::idempotency::{self, KeptAnswer, Next};
use crate::app::{Gateway, RequestContext};
use crate::error::{ApiCode, ApiError};
use crate::store::idempotency::{Call, Turn};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");
const LONGEST: usize = 255;
/// How long a second request waits for the answer of the first.
const PATIENCE: Duration = Duration::from_secs(10);
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// Does `work` once for all requests of the caller with this key; without a key, each time. `work` is given the id of
/// what it creates, which is the same when a request is tried again after a crash. It goes on when the client hangs up.
///
/// # Errors
/// What `work` fails with; 409 when the key belongs to another request or its first is not done in time; 503, and
/// nothing is done, without the database.
pub async fn once<W, F>(
    gateway: &web::Data<Gateway>,
    context: &RequestContext,
    request: &HttpRequest,
    body: &[u8],
    work: W,
) -> Result<HttpResponse, ApiError>
where
    W: FnOnce(Uuid) -> F + 'static,
    F: Future<Output = Result<HttpResponse, ApiError>> + 'static,
{
    let Some(key) = key_of(request)? else {
        return work(Uuid::now_v7()).await;
    };
    let route = format!("{} {}", request.method(), request.uri());
    let call = idempotency::call_of(gateway, context, key, route, body);
    let deadline = Instant::now() + PATIENCE;
    loop {
        match idempotency::begin(gateway, &call).await? {
            Next::Work(turn) => {
                let (gateway, state) = (gateway.clone(), RequestState::of(request));
                let work = async move {
                    let outcome = work(turn.id).await;
                    finish(&gateway, call, turn, outcome, &state).await
                };
                let done = actix_web::rt::spawn(work).await;
                return done.unwrap_or_else(|error| Err(ApiError::internal(&error)));
            }
            Next::Replay(answer) => return replay(answer),
            Next::Other => {
                let message = "this Idempotency-Key was used for another request";
                return Err(ApiError::new(ApiCode::Conflict, message));
            }
            Next::Busy(_) if Instant::now() < deadline => tokio::time::sleep(LOOK_AGAIN).await,
            Next::Busy(time) => {
                let message = "the first request with this Idempotency-Key is not done yet";
                let mut error = ApiError::new(ApiCode::Conflict, message);
                error.retry_after = Some(Duration::from_secs(time.as_secs() + 1));
                return Err(error);
            }
        }
    }
}

/// Whether the request names a key, be it a good one or not.
pub fn is_asked_for(request: &HttpRequest) -> bool {
    request.headers().contains_key(IDEMPOTENCY_KEY)
}

fn key_of(request: &HttpRequest) -> Result<Option<&str>, ApiError> {
    let mut given = request.headers().get_all(IDEMPOTENCY_KEY);
    let Some(first) = given.next() else {
        return Ok(None);
    };
    let key = first
        .to_str()
        .ok()
        .filter(|key| (1..=LONGEST).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic()));
    match (key, given.next()) {
        (Some(key), None) => Ok(Some(key)),
        _ => Err(ApiError::field(
            "Idempotency-Key",
            "is one text of 1 to 255 visible ASCII characters",
        )),
    }
}

/// Keeps the answer, unless it says that nothing is decided. What was done is answered even when it cannot be kept.
async fn finish(
    gateway: &web::Data<Gateway>,
    call: Call,
    turn: Turn,
    outcome: Result<HttpResponse, ApiError>,
    state: &RequestState,
) -> Result<HttpResponse, ApiError> {
    let (outcome, kept) = match outcome {
        Ok(response) => {
            let (response, kept) = read(response).await?;
            (Ok(response), kept)
        }
        Err(error) => {
            let kept = of_error(&error, state);
            (Err(error), kept)
        }
    };
    let decided = kept.status < 500 && kept.status != StatusCode::TOO_MANY_REQUESTS.as_u16();
    if let Err(error) = idempotency::end(gateway, call, turn, decided.then_some(&kept)).await {
        tracing::error!(%error, "an answer could not be kept for a repeat of its request");
    }
    match outcome {
        // To the letter what a repeat will get.
        Err(_) if decided => respond(kept),
        outcome => outcome,
    }
}

async fn read(response: HttpResponse) -> Result<(HttpResponse, KeptAnswer), ApiError> {
    let (head, body) = response.into_parts();
    let body = to_bytes(body).await.map_err(|error| ApiError::internal(&error))?;
    let headers = head.headers().iter().filter_map(|(name, value)| {
        let value = value.to_str().ok()?;
        Some((name.as_str().to_owned(), value.to_owned()))
    });
    let kept = KeptAnswer {
        status: head.status().as_u16(),
        headers: headers.collect(),
        body: String::from_utf8_lossy(&body).into_owned(),
    };
    Ok((head.set_body(body).map_into_boxed_body(), kept))
}

fn of_error(error: &ApiError, state: &RequestState) -> KeptAnswer {
    let mut headers = vec![(CONTENT_TYPE.to_string(), "application/json".to_owned())];
    if let Some(time) = error.retry_after {
        headers.push((RETRY_AFTER.to_string(), time.as_secs().max(1).to_string()));
    }
    KeptAnswer {
        status: error.code.row().1.as_u16(),
        headers,
        body: String::from_utf8_lossy(&envelope::failure(error, state)).into_owned(),
    }
}

fn replay(answer: KeptAnswer) -> Result<HttpResponse, ApiError> {
    let mut response = respond(answer)?;
    response
        .headers_mut()
        .insert(REPLAYED, HeaderValue::from_static("true"));
    Ok(response)
}

fn respond(answer: KeptAnswer) -> Result<HttpResponse, ApiError> {
    let status = StatusCode::from_u16(answer.status).map_err(|error| ApiError::internal(&error))?;
    let mut response = HttpResponse::build(status);
    for (name, value) in answer.headers {
        response.append_header((name, value));
    }
    Ok(response.body(answer.body))
}
