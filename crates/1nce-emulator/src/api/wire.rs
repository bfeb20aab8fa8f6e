//! Answers as HTTP, and the ways an answer can fail to arrive.

use std::io::Write;
use std::time::Duration;

use actix_web::body::SizedStream;
use actix_web::http::StatusCode;
use actix_web::web::Bytes;
use actix_web::{HttpResponse, HttpResponseBuilder};
use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::{StreamExt, stream};

use super::answer::{Answer, Body};
use super::arrival::Arrival;
use crate::config::{Mode, Settings};

/// Shorter bodies are not worth compressing; one of 116 bytes was compressed (FACTS-2026-11 U10).
const SMALLEST_COMPRESSED: usize = 100;

/// How answers to one call are written.
pub struct Wire {
    recorded: bool,
    login: bool,
    gzip: bool,
}

/// A body as it is sent.
struct Content {
    kind: &'static str,
    bytes: Bytes,
    /// Length before compression.
    whole: usize,
    gzip: bool,
}

impl Wire {
    pub fn to(arrival: &Arrival, settings: &Settings) -> Self {
        Self {
            recorded: settings.mode == Mode::Recorded,
            login: arrival.is_login(),
            gzip: settings.compress && arrival.takes_gzip,
        }
    }

    /// A complete answer.
    pub fn respond(&self, answer: Answer) -> HttpResponse {
        let content = self.content(answer.status, answer.body);
        self.head(answer.status, &content, answer.headers)
            .body(content.bytes)
    }

    /// The head, half of the announced body, then the end of the connection.
    pub fn respond_truncated(&self, answer: Answer) -> HttpResponse {
        let content = self.content(answer.status, answer.body);
        let half = content.bytes.slice(..content.bytes.len() / 2);
        let end = stream::once(async {
            // The first half leaves only when the stream pauses.
            tokio::time::sleep(Duration::from_millis(50)).await;
            Err::<Bytes, _>(broken())
        });
        let body = stream::once(async move { Ok(half) }).chain(end);
        self.head(answer.status, &content, answer.headers)
            .body(SizedStream::new(content.bytes.len() as u64, Box::pin(body)))
    }

    fn content(&self, status: u16, body: Body) -> Content {
        let (kind, bytes) = match body {
            // Empty answers were recorded with the type of a body they do not have (FACTS-2026-11 U10).
            Body::Empty if self.recorded && ![204, 304].contains(&status) => ("application/json", Vec::new()),
            Body::Empty => ("", Vec::new()),
            Body::Json(value) if self.login && self.recorded => {
                ("application/json", format!("{value:#}").into_bytes())
            }
            Body::Json(value) if self.recorded => {
                ("application/json;charset=UTF-8", value.to_string().into_bytes())
            }
            Body::Json(value) => ("application/json", value.to_string().into_bytes()),
            Body::Html(page) => ("text/html", page.into_bytes()),
        };
        let worth = self.gzip && bytes.len() >= SMALLEST_COMPRESSED;
        let small = worth.then(|| compressed(&bytes)).flatten();
        Content {
            kind,
            whole: bytes.len(),
            gzip: small.is_some(),
            bytes: small.unwrap_or(bytes).into(),
        }
    }

    /// Everything in front of the body, with the headers of the edge (FACTS §2).
    fn head(
        &self,
        status: u16,
        content: &Content,
        headers: Vec<(&'static str, String)>,
    ) -> HttpResponseBuilder {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = HttpResponse::build(status);
        if status == StatusCode::REQUEST_TIMEOUT {
            // A server that gave up waiting for a request closes its connection.
            response.force_close();
        }
        if !content.kind.is_empty() {
            response.content_type(content.kind);
        }
        if content.gzip {
            response.insert_header(("Content-Encoding", "gzip"));
        }
        let id = rand::random::<u128>();
        response.insert_header(("X-Amzn-Requestid", uuid(id)));
        if self.recorded {
            response.insert_header(("X-Amzn-Remapped-Content-Length", content.whole));
            edge(&mut response, status, id, self.login);
        }
        for (name, value) in headers {
            response.insert_header((name, value));
        }
        response
    }
}

/// `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx`.
fn uuid(id: u128) -> String {
    let text = format!("{id:032x}");
    [
        &text[..8],
        &text[8..12],
        &text[12..16],
        &text[16..20],
        &text[20..],
    ]
    .join("-")
}

/// What CloudFront, API Gateway and the server behind them add to every recorded answer.
fn edge(response: &mut HttpResponseBuilder, status: StatusCode, id: u128, login: bool) {
    let cache = if status.is_client_error() || status.is_server_error() {
        "Error from cloudfront"
    } else {
        "Miss from cloudfront"
    };
    for (name, value) in [
        ("X-Cache", cache),
        ("Via", "1.1 0123456789abcdef.cloudfront.net (CloudFront)"),
        ("X-Amz-Cf-Pop", "FRA00-P0"),
    ] {
        response.insert_header((name, value));
    }
    response.insert_header(("X-Amz-Cf-Id", format!("{id:032x}==")));
    response.insert_header((
        "X-Amzn-Trace-Id",
        format!("Root=1-{:08x}-{:024x}", id as u32, id >> 32),
    ));
    if login {
        return;
    }
    for (name, value) in [
        ("Cache-Control", "no-cache, no-store, max-age=0, must-revalidate"),
        ("Pragma", "no-cache"),
        ("Expires", "0"),
        ("X-Content-Type-Options", "nosniff"),
        ("X-Frame-Options", "DENY"),
        ("X-Xss-Protection", "1; mode=block"),
        ("Strict-Transport-Security", "max-age=31536000"),
        ("Set-Cookie", "SERVERID=csc1; path=/; Secure"),
    ] {
        response.insert_header((name, value));
    }
    let session = format!("!Proxy!ApiProxyServletJSESSIONID={:032x}; Path=/global-api", !id);
    response.append_header(("Set-Cookie", session));
}

fn compressed(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).ok()?;
    encoder.finish().ok()
}

fn broken() -> std::io::Error {
    std::io::Error::new(std::io::ErrorKind::ConnectionAborted, "connection cut by a fault")
}

/// No answer: the body fails before its first byte, so the server drops the connection.
pub fn cut() -> HttpResponse {
    HttpResponse::Ok().streaming(stream::once(async { Err::<Bytes, _>(broken()) }))
}
