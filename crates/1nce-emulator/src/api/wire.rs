//! Answers as HTTP, and the ways an answer can fail to arrive.

use std::time::Duration;

use actix_web::body::SizedStream;
use actix_web::http::StatusCode;
use actix_web::web::Bytes;
use actix_web::{HttpResponse, HttpResponseBuilder};
use futures_util::{StreamExt, stream};

use super::answer::{Answer, Body};
use crate::config::{Mode, Settings};

fn content(body: Body) -> (&'static str, Bytes) {
    match body {
        Body::Empty => ("", Bytes::new()),
        Body::Json(value) => ("application/json", Bytes::from(value.to_string())),
        Body::Html(page) => ("text/html", Bytes::from(page)),
    }
}

/// A complete answer.
pub fn respond(answer: Answer, settings: &Settings) -> HttpResponse {
    let (kind, bytes) = content(answer.body);
    head(answer.status, kind, answer.headers, settings).body(bytes)
}

/// Everything in front of the body, with the headers of the edge (FACTS §2).
fn head(
    status: u16,
    kind: &str,
    headers: Vec<(&'static str, String)>,
    settings: &Settings,
) -> HttpResponseBuilder {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = HttpResponse::build(status);
    let recorded = settings.mode == Mode::Recorded;
    match kind {
        "" => {}
        "application/json" if recorded => drop(response.content_type("application/json;charset=UTF-8")),
        kind => drop(response.content_type(kind)),
    }
    let id = rand::random::<u128>();
    response.insert_header(("X-Amzn-Requestid", format!("{id:032x}")));
    if recorded {
        response.insert_header((
            "X-Amzn-Trace-Id",
            format!("Root=1-{:08x}-{:024x}", id as u32, id >> 32),
        ));
        response.insert_header(("Set-Cookie", format!("AWSALB={:032x}; Path=/", !id)));
    }
    for (name, value) in headers {
        response.insert_header((name, value));
    }
    response
}

fn broken() -> std::io::Error {
    std::io::Error::new(std::io::ErrorKind::ConnectionAborted, "connection cut by a fault")
}

/// No answer: the body fails before its first byte, so the server drops the connection.
pub fn cut() -> HttpResponse {
    HttpResponse::Ok().streaming(stream::once(async { Err::<Bytes, _>(broken()) }))
}

/// The head, half of the announced body, then the end of the connection.
pub fn respond_truncated(answer: Answer, settings: &Settings) -> HttpResponse {
    let (kind, bytes) = content(answer.body);
    let half = bytes.slice(..bytes.len() / 2);
    let end = stream::once(async {
        // The first half leaves only when the stream pauses.
        tokio::time::sleep(Duration::from_millis(50)).await;
        Err::<Bytes, _>(broken())
    });
    let body = stream::once(async move { Ok(half) }).chain(end);
    head(answer.status, kind, answer.headers, settings)
        .body(SizedStream::new(bytes.len() as u64, Box::pin(body)))
}
