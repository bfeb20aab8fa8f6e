//! The way between caller and emulator: arrivals, delays, lengths, compression.

use std::io::Read;
use std::time::{Duration, Instant};

use once_emulator::{EmulatorConfig, Extra, Fault, FaultBody, FaultKind, UNEVEN};
use serde_json::json;

use crate::lab::{Lab, iccid};

#[tokio::test]
async fn a_call_is_counted_and_acted_on_when_it_arrives_even_without_its_caller() {
    let lab = Lab::free(5).await;
    lab.control.config(&json!({"arrival_ms": 3000})).await.unwrap();
    let hasty = lab.request(reqwest::Method::PUT, &format!("/v1/sims/{}", iccid(0)));
    let hasty = hasty
        .json(&json!({"label": "late"}))
        .timeout(Duration::from_millis(50))
        .send()
        .await;
    assert!(hasty.unwrap_err().is_timeout());
    assert_eq!(lab.calls("/sims").await, 0, "still on its way");
    let label = async || lab.control.sim(&iccid(0)).await.unwrap().label;
    assert_ne!(label().await.as_deref(), Some("late"));
    let sent = Instant::now();
    while lab.calls("/sims").await == 0 {
        assert!(sent.elapsed() < Duration::from_secs(20), "it never arrives");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(label().await.as_deref(), Some("late"));
}

#[tokio::test]
async fn jitter_brings_calls_of_two_windows_into_one() {
    // One call in ten minutes: the first, held back for long, arrives after the second.
    let config = EmulatorConfig::default().with_rate(1);
    let lab = Lab::start(config.with_settings(|s| s.rate_window_ms = 600_000)).await;
    lab.control.config(&json!({"arrival_ms": 4000})).await.unwrap();
    let (slow, quick) = tokio::join!(lab.get("/v1/sims?page=1"), async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        lab.control.config(&json!({"arrival_ms": 0})).await.unwrap();
        lab.get("/v1/sims?page=2").await
    });
    assert_eq!((slow.status, quick.status), (429, 200));
}

#[tokio::test]
async fn a_single_call_can_be_overtaken() {
    let lab = Lab::free(5).await;
    let late = Fault::new(FaultKind::LateArrival, "/v2/sims/").method("PUT");
    lab.control
        .faults_add(&late.delay_ms(4000).times(1))
        .await
        .unwrap();
    let path = format!("/v2/sims/{}", iccid(0));
    let (first, second) = tokio::join!(lab.put(&path, json!({"label": "first"})), async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        lab.put(&path, json!({"label": "second"})).await
    });
    assert_eq!((first.status, second.status), (200, 200));
    let truth = lab.control.sim(&iccid(0)).await.unwrap();
    assert_eq!(truth.label.as_deref(), Some("first"), "it arrived last");
    let calls = lab.control.calls(&Default::default()).await.unwrap();
    assert!(calls[1].body.as_deref().unwrap().contains("first"), "{calls:?}");
    assert_eq!(lab.control.faults().await.unwrap()[0].hits, 1);
}

#[tokio::test]
async fn answers_follow_a_distribution() {
    let config = EmulatorConfig::default().without_limits().with_settings(|s| {
        s.latency_extra = vec![
            Extra { share: 1.0, ms: 150 },
            Extra {
                share: 0.0,
                ms: 60_000,
            },
        ];
        s.latency_ms = 50;
    });
    let lab = Lab::start(config).await;
    let sent = Instant::now();
    assert_eq!(lab.get("/v1/sims").await.status, 200);
    assert!(sent.elapsed() >= Duration::from_millis(200));
    let uneven = lab
        .control
        .config(&json!({"latency_extra": UNEVEN}))
        .await
        .unwrap();
    assert_eq!(uneven.latency_extra, UNEVEN);
    let nonsense = json!({"arrival_extra": [{"share": 1.5, "ms": 1}]});
    assert!(lab.control.config(&nonsense).await.is_err());
}

#[tokio::test]
async fn bodies_are_compressed_for_those_who_take_gzip() {
    let lab = Lab::free(50).await;
    let path = "/v1/sims?pageSize=50";
    let plain = lab.get(path).await;
    assert_eq!(plain.header("content-encoding"), None);
    let ask = async || {
        let request = lab.request(reqwest::Method::GET, path);
        let response = request.header("accept-encoding", "gzip").send().await.unwrap();
        (response.headers().clone(), response.bytes().await.unwrap())
    };
    let (headers, bytes) = ask().await;
    assert_eq!(headers["content-encoding"], "gzip");
    assert_eq!(
        headers["x-amzn-remapped-content-length"],
        plain.text.len().to_string().as_str()
    );
    assert_eq!(headers["content-length"], bytes.len().to_string().as_str());
    assert!(bytes.len() * 5 < plain.text.len());
    let mut text = String::new();
    flate2::read::GzDecoder::new(&bytes[..])
        .read_to_string(&mut text)
        .unwrap();
    assert_eq!(text, plain.text);
    lab.control.config(&json!({"compress": false})).await.unwrap();
    assert_eq!(ask().await.0.get("content-encoding"), None);
}

#[tokio::test]
async fn lengths_are_asked_for_and_bounded_where_that_is_wanted() {
    let lab = Lab::free(5).await;
    let reset = format!("/v1/sims/{}/reset", iccid(0));
    assert_eq!(lab.post_empty(&reset).await.status, 201);
    lab.control
        .config(&json!({"content_length_required": true, "max_body_bytes": 100}))
        .await
        .unwrap();
    assert_eq!(lab.post_empty(&reset).await.status, 411, "no length is told");
    let told = lab
        .request(reqwest::Method::POST, &reset)
        .header("content-length", "0");
    assert_eq!(told.send().await.unwrap().status(), 201);
    let long = json!({"label": "x".repeat(200)});
    let reply = lab.put(&format!("/v1/sims/{}", iccid(0)), long).await;
    assert_eq!(
        (reply.status, reply.json()),
        (413, json!({"message": "Request Too Long"}))
    );
}

#[tokio::test]
async fn a_408_ends_the_connection() {
    let lab = Lab::free(5).await;
    let fault = Fault::new(FaultKind::Status, "/v1/sims").status(408, FaultBody::Empty);
    lab.control.faults_add(&fault).await.unwrap();
    let reply = lab.get("/v1/sims").await;
    assert_eq!((reply.status, reply.header("connection")), (408, Some("close")));
}

#[tokio::test]
async fn refused_and_unknown_calls_may_count_against_the_limit() {
    let config = EmulatorConfig::default().with_rate(2);
    let config = config.with_settings(|s| {
        s.rate_window_ms = 600_000;
        s.refused_calls_count = false;
    });
    let lab = Lab::start(config).await;
    assert_eq!(lab.get("/v2/nothing").await.status, 404);
    assert_eq!(lab.get("/v1/sims").await.status, 200, "free of charge");
    lab.control
        .config(&json!({"refused_calls_count": true}))
        .await
        .unwrap();
    assert_eq!(lab.get("/v2/nothing").await.status, 404, "the second place");
    assert_eq!(lab.get("/v1/sims").await.status, 429);
    assert_eq!(lab.get("/v2/nothing").await.status, 429);
}
