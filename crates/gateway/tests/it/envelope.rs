use std::net::SocketAddr;

use gateway::Permission;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use uuid::Uuid;

use crate::harness::{Answer, App, ICCID, path, send};

fn assert_failure(answer: Answer, status: u16, code: &str) -> Answer {
    let answer = answer.expect(status);
    assert_eq!(answer.code(), code, "{}", answer.text);
    assert_eq!(answer.body["success"], false);
    assert!(answer.body["meta"]["timestamp"].is_string());
    assert_eq!(
        answer.body["meta"]["request_id"],
        answer.headers["x-request-id"].to_str().unwrap()
    );
    assert_eq!(answer.headers["content-type"], "application/json");
    assert_eq!(answer.headers["x-content-type-options"], "nosniff");
    assert_eq!(answer.headers["cache-control"], "no-store");
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn every_wrong_request_is_answered_in_the_envelope() {
    let app = App::start().await;
    let key = app.world.key_for(&[Permission::Admin], None).await;
    let gateway = &app.gateway;
    assert_failure(gateway.get("/api/v1/nothing", &key).await, 404, "NOT_FOUND");
    assert_failure(gateway.get("/", &key).await, 404, "NOT_FOUND");
    let answer = send(gateway.request("DELETE", &path(ICCID))).await;
    let answer = assert_failure(answer, 405, "METHOD_NOT_ALLOWED");
    assert_eq!(answer.headers["allow"], "GET, PUT");
    let answer = send(gateway.request("POST", "/health")).await;
    assert_failure(answer, 405, "METHOD_NOT_ALLOWED");

    let put = || gateway.request("PUT", &path(ICCID)).header("X-API-Key", &key);
    let json = || put().header("Content-Type", "application/json");
    let answer = send(put().header("Content-Type", "text/plain").body("{}")).await;
    assert_failure(answer, 415, "UNSUPPORTED_MEDIA_TYPE");
    for bad in ["{", "[]", "", "\u{0}"] {
        let answer = assert_failure(send(json().body(bad)).await, 422, "VALIDATION_ERROR");
        assert_eq!(answer.body["error"]["details"]["fields"][0]["field"], "body");
    }
    let large = format!(r#"{{"label":"{}"}}"#, "x".repeat(70_000));
    assert_failure(send(json().body(large.clone())).await, 413, "PAYLOAD_TOO_LARGE");
    // Without an announced length the limit is found on the way.
    let head = format!(
        "PUT {} HTTP/1.1\r\nHost: x\r\nX-API-Key: {key}\r\nContent-Type: application/json\r\n\
         Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n",
        path(ICCID)
    );
    let body = format!("{:x}\r\n{large}\r\n0\r\n\r\n", large.len());
    let text = raw(gateway.addr, &(head + &body)).await;
    assert!(
        text.starts_with("HTTP/1.1 413") && text.contains("PAYLOAD_TOO_LARGE"),
        "{text}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_optional_body_is_judged_by_its_bytes() {
    let app = App::start().await;
    let key = app.world.key_for(&[Permission::Admin], None).await;
    let post = |kind: Option<&str>, body: &'static str| {
        let request = app.gateway.request("POST", "/api/v1/sync/sims");
        let request = request.header("X-API-Key", &key).body(body);
        match kind {
            Some(kind) => send(request.header("Content-Type", kind)),
            None => send(request),
        }
    };
    for kind in [None, Some("application/json"), Some("text/plain")] {
        post(kind, "").await.expect(202);
    }
    for kind in [
        None,
        Some("text/plain"),
        Some("application/x-www-form-urlencoded"),
    ] {
        let answer = post(kind, r#"{"account":"main"}"#).await;
        assert_failure(answer, 415, "UNSUPPORTED_MEDIA_TYPE");
    }
    post(Some("application/json; charset=utf-8"), "{}")
        .await
        .expect(202);
    let answer = post(Some("application/json"), "null").await;
    assert_failure(answer, 422, "VALIDATION_ERROR");
    let head = format!(
        "POST /api/v1/sync/sims HTTP/1.1\r\nHost: x\r\nX-API-Key: {key}\r\n\
         Transfer-Encoding: chunked\r\nConnection: close\r\n"
    );
    let chunked = "\r\n12\r\n{\"account\":\"main\"}\r\n0\r\n\r\n";
    let text = raw(app.gateway.addr, &format!("{head}{chunked}")).await;
    assert!(text.starts_with("HTTP/1.1 415"), "{text}");
    let text = raw(
        app.gateway.addr,
        &format!("{head}Content-Type: application/json\r\n{chunked}"),
    )
    .await;
    assert!(text.starts_with("HTTP/1.1 202"), "{text}");
    let starts = std::mem::take(&mut app.world.sims.state().starts);
    let accounts: Vec<_> = starts.iter().map(|start| start.account.as_str()).collect();
    assert_eq!(accounts, ["", "", "", "", "main"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_carries_the_request_id() {
    let app = App::start().await;
    let key = app.world.key_for(&[Permission::Admin], None).await;
    for path in ["/api/v1/sims", "/health/live", "/nothing"] {
        let answer = send(
            app.gateway
                .request("GET", path)
                .header("X-API-Key", &key)
                .header("X-Request-Id", "abc-123"),
        )
        .await;
        assert_eq!(answer.headers["x-request-id"], "abc-123");
        assert!(answer.body["meta"] == Value::Null || answer.body["meta"]["request_id"] == "abc-123");
        let made = app.gateway.get(path, &key).await;
        let made = made.headers["x-request-id"].to_str().unwrap();
        assert_eq!(Uuid::parse_str(made).unwrap().get_version_num(), 7);
        let long = "x".repeat(65);
        let refused = send(
            app.gateway
                .request("GET", path)
                .header("X-API-Key", &key)
                .header("X-Request-Id", &long),
        )
        .await;
        assert_ne!(refused.headers["x-request-id"], long.as_str());
    }
    let odd = r#"a"b\c"#;
    let answer = send(
        app.gateway
            .request("GET", "/api/v1/sims")
            .header("X-API-Key", &key)
            .header("X-Request-Id", odd),
    )
    .await;
    assert_eq!(answer.body["meta"]["request_id"], odd);
}

async fn raw(addr: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}
