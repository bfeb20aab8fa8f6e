use std::io::Read;

use flate2::read::GzDecoder;
use gateway::Permission;
use reqwest::header::{ACCEPT_ENCODING, HeaderMap, ORIGIN};
use serde_json::{Value, json};

use crate::harness::{Answer, App, Gateway, ICCID, path, send, sim};

const PAGE: &str = "https://fleet.example.com";
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

async fn with_origins(origins: &str) -> App {
    App::start_with(|config| config.listen.cors_origins = origins.to_owned()).await
}

async fn preflight(gateway: &Gateway, origin: &str, method: &str, headers: &str) -> Answer {
    let request = gateway.request("OPTIONS", &path(ICCID)).header(ORIGIN, origin);
    let request = request.header("Access-Control-Request-Method", method);
    send(request.header("Access-Control-Request-Headers", headers)).await
}

async fn from_page(gateway: &Gateway, origin: &str, key: &str) -> Answer {
    let request = gateway.request("GET", &path(ICCID)).header(ORIGIN, origin);
    send(request.header("X-API-Key", key)).await
}

fn words(headers: &HeaderMap, name: &str) -> Vec<String> {
    let list = headers[name].to_str().unwrap().split(',');
    let mut words: Vec<String> = list.map(|word| word.trim().to_lowercase()).collect();
    words.sort_unstable();
    words
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_a_named_origin_may_ask_and_needs_no_key_to_ask_whether() {
    let app = with_origins(&format!("{PAGE}, http://localhost:3000")).await;
    app.world.sims.put(sim(ICCID, 1, "pump-17"));
    let key = app.world.key_for(&[Permission::ReadSims], None).await;
    let gateway = &app.gateway;
    let wanted =
        "x-api-key,authorization,content-type,idempotency-key,if-none-match,last-event-id,x-request-id";
    for method in ["GET", "PUT", "POST", "PATCH", "DELETE"] {
        let answer = preflight(gateway, PAGE, method, wanted).await.expect(200);
        assert_eq!(answer.text, "");
        assert_eq!(answer.headers["access-control-allow-origin"], PAGE);
        assert!(words(&answer.headers, "access-control-allow-methods").contains(&method.to_lowercase()));
        assert_eq!(words(&answer.headers, "access-control-allow-headers").len(), 7);
        assert!(answer.headers.contains_key("x-request-id"));
    }
    let answer = from_page(gateway, PAGE, &key).await.expect(200);
    assert_eq!(answer.headers["access-control-allow-origin"], PAGE);
    assert!(words(&answer.headers, "vary").contains(&"origin".to_owned()));
    let exposed = words(&answer.headers, "access-control-expose-headers");
    for name in [
        "etag",
        "x-request-id",
        "x-trace-id",
        "retry-after",
        "location",
        "idempotent-replayed",
    ] {
        assert!(exposed.contains(&name.to_owned()), "{exposed:?}");
    }
    // Errors can be read by the page too.
    let refused = from_page(gateway, PAGE, "no key").await.expect(401);
    assert_eq!(refused.headers["access-control-allow-origin"], PAGE);
    assert_eq!(refused.code(), "INVALID_API_KEY");
    let second = preflight(gateway, "http://localhost:3000", "GET", "x-api-key").await;
    second.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_another_origin_gets_no_leave() {
    let app = with_origins(PAGE).await;
    app.world.sims.put(sim(ICCID, 1, "pump-17"));
    let key = app.world.key_for(&[Permission::ReadSims], None).await;
    let other = "https://evil.example.com";
    let answer = preflight(&app.gateway, other, "GET", "x-api-key")
        .await
        .expect(400);
    assert!(!answer.headers.contains_key("access-control-allow-origin"));
    let answer = preflight(&app.gateway, PAGE, "GET", "x-evil").await.expect(400);
    assert!(!answer.headers.contains_key("access-control-allow-origin"));
    let answer = from_page(&app.gateway, other, &key).await;
    assert!(!answer.headers.contains_key("access-control-allow-origin"));

    let closed = app.world.start(app.world.gateway_config()).await;
    let answer = from_page(&closed, PAGE, &key).await.expect(200);
    assert!(
        !answer
            .headers
            .keys()
            .any(|name| name.as_str().starts_with("access-control"))
    );
    preflight(&closed, PAGE, "GET", "x-api-key").await.expect(405);

    let mut config = app.world.gateway_config();
    config.listen.cors_origins = "*".to_owned();
    let open = app.world.start(config).await;
    let answer = from_page(&open, other, &key).await.expect(200);
    assert_eq!(answer.headers["access-control-allow-origin"], "*");
    preflight(&open, other, "GET", "x-api-key").await.expect(200);
}

async fn traced(app: &App, method: &str, path: &str, key: &str, parent: &str) -> Answer {
    let request = app.gateway.request(method, path).header("X-API-Key", key);
    send(
        request
            .header("traceparent", parent)
            .json(&json!({ "label": "new" })),
    )
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_names_the_trace_that_the_client_began() {
    let app = App::start().await;
    app.world.sims.put(sim(ICCID, 1, "pump-17"));
    let key = app.world.key_for(&[Permission::Admin], None).await;
    let parent = format!("00-{TRACE}-00f067aa0ba902b7-01");
    for (method, path, status) in [
        ("GET", path(ICCID), 200),
        // From memory, which has no span.
        ("GET", path(ICCID), 200),
        ("PUT", path(ICCID), 200),
        ("GET", "/api/v1/sims".to_owned(), 200),
        ("GET", "/api/v1/sims/1".to_owned(), 400),
        ("GET", "/nothing".to_owned(), 404),
    ] {
        let answer = traced(&app, method, &path, &key, &parent).await.expect(status);
        assert_eq!(answer.headers["x-trace-id"], TRACE, "{method} {path}");
        assert_eq!(answer.body["meta"]["trace_id"], TRACE, "{method} {path}");
    }
    for other in ["", "00-no-00f067aa0ba902b7-01"] {
        let answer = traced(&app, "GET", &path(ICCID), &key, other).await.expect(200);
        assert!(!answer.headers.contains_key("x-trace-id"));
        assert_eq!(answer.body["meta"]["trace_id"], Value::Null);
        assert!(!answer.text.contains("trace_id"), "a name without a value");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_has_the_security_headers() {
    let app = with_origins(PAGE).await;
    app.world.sims.put(sim(ICCID, 1, "pump-17"));
    let key = app.world.key_for(&[Permission::ReadSims], None).await;
    let gateway = &app.gateway;
    let large = "x".repeat(70_000);
    let put = |kind: &str, body: String| {
        let request = gateway.request("PUT", &path(ICCID)).header("X-API-Key", &key);
        send(request.header("Content-Type", kind).body(body))
    };
    let held = gateway.request("GET", &path(ICCID)).header("X-API-Key", &key);
    let answers = [
        gateway.get(&path(ICCID), &key).await.expect(200),
        send(held.header("If-None-Match", "*")).await.expect(304),
        gateway.get("/health", "").await.expect(200),
        gateway.get("/metrics", "").await.expect(200),
        gateway.get("/openapi.json", "").await.expect(200),
        gateway.get("/docs/", "").await.expect(200),
        gateway.get("/redoc", "").await.expect(200),
        gateway.get("/redoc/redoc.js", "").await.expect(200),
        gateway.get("/nothing", "").await.expect(404),
        gateway.get(&path("1"), &key).await.expect(400),
        gateway.get(&path(ICCID), "").await.expect(401),
        put("application/json", "{}".to_owned()).await.expect(403),
        put("application/json", large).await.expect(403),
        send(gateway.request("DELETE", &path(ICCID))).await.expect(405),
        preflight(gateway, PAGE, "GET", "x-api-key").await.expect(200),
        preflight(gateway, "https://evil.example.com", "GET", "x-api-key")
            .await
            .expect(400),
    ];
    for (index, answer) in answers.iter().enumerate() {
        let header = |name: &str| answer.headers.get(name).map(|value| value.to_str().unwrap());
        assert_eq!(header("x-content-type-options"), Some("nosniff"), "{index}");
        assert_eq!(header("x-frame-options"), Some("DENY"), "{index}");
        assert_eq!(header("referrer-policy"), Some("no-referrer"), "{index}");
        assert_eq!(
            header("cross-origin-resource-policy"),
            Some("same-origin"),
            "{index}"
        );
        assert!(
            header("permissions-policy").unwrap().contains("camera=()"),
            "{index}"
        );
        let policy = header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'"), "{index}");
        assert!(header("cache-control").is_some(), "{index}");
        assert_eq!(header("strict-transport-security"), None, "{index}");
    }
    let mut config = app.world.gateway_config();
    config.listen.hsts_seconds = 31_536_000;
    let strict = app.world.start(config).await;
    for path in ["/health/live", "/nothing"] {
        let answer = strict.get(path, "").await;
        assert_eq!(answer.headers["strict-transport-security"], "max-age=31536000");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn redoc_shows_the_document_and_loads_nothing_from_elsewhere() {
    let app = App::start().await;
    let page = app.gateway.get("/redoc", "").await.expect(200);
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    let scripts = policy
        .split(';')
        .find(|rule| rule.trim().starts_with("script-src"));
    assert_eq!(scripts.map(str::trim), Some("script-src 'self'"));
    assert!(!policy.contains("http"), "{policy}");
    assert!(page.text.contains(r#"<script src="/redoc/redoc.js"></script>"#));
    assert!(
        !page.text.contains("://") && !page.text.contains("@import"),
        "{}",
        page.text
    );

    let script = app.gateway.get("/redoc/redoc.js", "").await.expect(200);
    assert!(
        script.headers["content-type"]
            .to_str()
            .unwrap()
            .starts_with("text/javascript")
    );
    assert!(
        script
            .text
            .trim_end()
            .ends_with("document.getElementById('redoc-container'));")
    );
    assert!(page.text.contains(r#"id="redoc-container""#));
    assert!(script.text.contains("Redoc.init('/openapi.json'"));
    for loads in [
        "cdn.redoc.ly",
        "fonts.googleapis",
        "fonts.gstatic",
        "src:\"http",
        "src=\"http",
        "url(http",
        "url(\"http",
        "\n//# sourceMappingURL",
    ] {
        assert!(!script.text.contains(loads), "{loads}");
    }
    let request = app.gateway.request("GET", "/redoc/redoc.js");
    let response = request.header(ACCEPT_ENCODING, "br, gzip").send().await.unwrap();
    assert_eq!(response.headers()["content-encoding"], "gzip");
    let compressed = response.bytes().await.unwrap();
    let mut text = String::new();
    GzDecoder::new(compressed.as_ref())
        .read_to_string(&mut text)
        .unwrap();
    assert!(text == script.text, "the compressed script is another one");
}
