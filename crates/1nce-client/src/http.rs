//! The HTTP client and what every answer shares: request id, paging headers, `Retry-After`, a size limit.

use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::header::HeaderMap;
use tower::util::MapFutureLayer;

use crate::config::ClientConfig;
use crate::connection::counted_from_opening;
use crate::error::{ClientError, RequestId};

/// An answer whose body was read to the end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub status: u16,
    pub body: Vec<u8>,
    pub request_id: Option<RequestId>,
    pub location: Option<String>,
    pub retry_after: Option<Duration>,
    pub total: Option<u64>,
    pub total_pages: Option<u32>,
}

impl Answer {
    /// True for any 2xx.
    pub(crate) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    #[cfg(test)]
    pub(crate) fn test(status: u16, body: &str) -> Self {
        Self {
            status,
            body: body.into(),
            request_id: None,
            location: None,
            retry_after: None,
            total: None,
            total_pages: None,
        }
    }

    /// True for the empty 200 with which v1 answers an unknown ICCID (FACTS §5).
    pub(crate) fn is_empty(&self) -> bool {
        self.body.iter().all(u8::is_ascii_whitespace)
    }
}

/// Who calls, for the log of 1NCE.
const USER_AGENT: &str = concat!(
    "simward/",
    env!("CARGO_PKG_VERSION"),
    " (self-hosted SIM fleet platform)"
);

/// Connections stay open for longer than the pauses of a sweep; redirects are not followed with a token.
pub(crate) fn build(config: &ClientConfig) -> Result<reqwest::Client, ClientError> {
    build_over(reqwest::Client::builder(), config)
}

/// The same with what the builder has already; its layers lie beneath.
pub(crate) fn build_over(
    builder: reqwest::ClientBuilder,
    config: &ClientConfig,
) -> Result<reqwest::Client, ClientError> {
    builder
        .user_agent(USER_AGENT)
        // A page of a hundred SIMs is a twelfth of its size then.
        .gzip(true)
        .connect_timeout(config.connect_timeout)
        .connector_layer(MapFutureLayer::new(counted_from_opening))
        .pool_idle_timeout(Duration::from_secs(90))
        .tcp_nodelay(true)
        .redirect(reqwest::redirect::Policy::none())
        // Repeats are decided here, where it is known which calls may be repeated.
        .retry(reqwest::retry::never())
        .build()
        .map_err(|error| ClientError::Config(format!("HTTP client: {error}")))
}

/// Sends a request and reads its answer; at most `max_body` bytes.
pub(crate) async fn send(request: reqwest::RequestBuilder, max_body: usize) -> Result<Answer, ClientError> {
    let mut response = request.send().await.map_err(|error| transport(&error, None))?;
    let headers = response.headers();
    let mut answer = Answer {
        status: response.status().as_u16(),
        body: Vec::new(),
        request_id: request_id(headers),
        location: text(headers, "location"),
        retry_after: retry_after(headers, Utc::now()),
        total: text(headers, "x-total-count").and_then(|value| value.parse().ok()),
        total_pages: text(headers, "x-total-pages").and_then(|value| value.parse().ok()),
    };
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if answer.body.len() + chunk.len() <= max_body => {
                answer.body.extend_from_slice(&chunk);
            }
            Ok(Some(_)) => {
                return Err(ClientError::Transport {
                    message: format!("the answer ({}) is larger than {max_body} bytes", answer.status),
                    may_be_sent: true,
                    request_id: answer.request_id,
                });
            }
            Ok(None) => {
                // One byte that is no UTF-8 must cost its record and not the page.
                if std::str::from_utf8(&answer.body).is_err() {
                    answer.body = String::from_utf8_lossy(&answer.body).into_owned().into_bytes();
                }
                return Ok(answer);
            }
            // An order that was accepted stands in the header; the rest of the answer is not needed.
            Err(_) if answer.status == 201 && answer.location.is_some() => {
                answer.body.clear();
                return Ok(answer);
            }
            Err(error) => return Err(transport(&error, answer.request_id)),
        }
    }
}

/// A failure without an answer. Only a failed connect is certain to have sent nothing.
fn transport(error: &reqwest::Error, request_id: Option<RequestId>) -> ClientError {
    let mut message = if error.is_timeout() {
        "timeout".to_owned()
    } else {
        error.to_string()
    };
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        message = format!("{message}: {cause}");
        source = cause.source();
    }
    ClientError::Transport {
        message,
        may_be_sent: !(error.is_connect() || error.is_builder()),
        request_id,
    }
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .map(|value| value.trim().to_owned())
        .filter(|value| !value.is_empty())
}

/// The edge is API Gateway behind CloudFront (FACTS §2).
fn request_id(headers: &HeaderMap) -> Option<RequestId> {
    [
        "x-amzn-requestid",
        "x-request-id",
        "x-amzn-trace-id",
        "x-amz-cf-id",
    ]
    .into_iter()
    .find_map(|name| text(headers, name))
    .map(RequestId)
}

/// How long to wait, in whichever spelling it comes: what a 429 of 1NCE carries is unconfirmed (FACTS §3).
fn retry_after(headers: &HeaderMap, now: DateTime<Utc>) -> Option<Duration> {
    [
        "retry-after",
        "x-retry-after",
        "ratelimit-reset",
        "x-ratelimit-reset",
        "x-rate-limit-reset",
    ]
    .into_iter()
    .filter_map(|name| text(headers, name))
    .find_map(|value| parse_retry_after(&value, now))
}

/// Seconds (whole or not), seconds or milliseconds since 1970, or a date; at most ten minutes are believed.
fn parse_retry_after(value: &str, now: DateTime<Utc>) -> Option<Duration> {
    const LONGEST: f64 = 600.0;
    const A_MOMENT: f64 = 1e9;
    const IN_MILLISECONDS: f64 = 1e12;
    let now_ms = now.timestamp_millis() as f64;
    let seconds = match value.parse::<f64>() {
        Ok(moment) if moment >= IN_MILLISECONDS => (moment - now_ms) / 1_000.0,
        Ok(moment) if moment >= A_MOMENT => moment - now_ms / 1_000.0,
        Ok(seconds) => seconds,
        Err(_) => {
            let date = DateTime::parse_from_rfc2822(value).ok()?.with_timezone(&Utc);
            (date - now).num_milliseconds() as f64 / 1_000.0
        }
    };
    (seconds.is_finite() && seconds > 0.0).then(|| Duration::from_secs_f64(seconds.min(LONGEST)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_date_and_nonsense_is_ignored() {
        let now = DateTime::parse_from_rfc3339("2025-10-02T06:00:00Z")
            .unwrap()
            .with_timezone(&Utc);
        let parse = |value| parse_retry_after(value, now);
        assert_eq!(parse("3"), Some(Duration::from_secs(3)));
        assert_eq!(parse("0.5"), Some(Duration::from_millis(500)));
        assert_eq!(
            parse("Thu, 02 Oct 2025 06:00:09 GMT"),
            Some(Duration::from_secs(9))
        );
        assert_eq!(parse("99999"), Some(Duration::from_secs(600)));
        let moment = (now.timestamp() + 4).to_string();
        assert_eq!(parse(&moment), Some(Duration::from_secs(4)));
        let moment = (now.timestamp_millis() + 4_500).to_string();
        assert_eq!(parse(&moment), Some(Duration::from_millis(4_500)));
        for nothing in ["", "soon", "-1", "NaN", "0", "Thu, 02 Oct 2025 05:00:00 GMT"] {
            assert_eq!(parse(nothing), None, "{nothing}");
        }
    }

    #[test]
    fn every_spelling_of_the_wait_is_read_and_the_standard_one_goes_first() {
        let read = |pairs: &[(&'static str, &'static str)]| {
            let headers = pairs
                .iter()
                .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
            retry_after(&headers.collect(), Utc::now()).map(|wait| wait.as_secs())
        };
        for name in ["X-RateLimit-Reset", "x-rate-limit-reset", "RateLimit-Reset"] {
            assert_eq!(read(&[(name, "7")]), Some(7), "{name}");
            assert_eq!(read(&[(name, "7"), ("Retry-After", "2")]), Some(2), "{name}");
        }
        assert_eq!(read(&[("X-RateLimit-Remaining", "0")]), None);
    }

    #[tokio::test]
    async fn a_call_whose_answer_is_cut_or_too_long_keeps_its_id() {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let _request = stream.read(&mut [0; 4096]).await;
                let head = "HTTP/1.1 200 OK\r\ncontent-length: 90\r\nx-amzn-requestid: req-9\r\n\r\n{\"a\":1";
                let _sent = stream.write_all(head.as_bytes()).await;
            }
        });
        for (max_body, expected) in [(1_000, "decoding"), (3, "larger")] {
            let request = reqwest::Client::new().post(&url).body("{}");
            let error = send(request, max_body).await.unwrap_err();
            assert_eq!(error.request_id().map(|id| id.0.as_str()), Some("req-9"));
            assert!(!error.nothing_sent());
            assert!(error.to_string().contains(expected), "{error}");
        }
    }
}
