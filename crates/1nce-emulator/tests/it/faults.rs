//! Injected faults, seen by a raw client where HTTP libraries would hide the truth.

use std::time::{Duration, Instant};

use once_emulator::{Connectivity, Fault, FaultBody, FaultKind, SimPatch};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::lab::{ID, Lab, SECRET, iccid};

/// Everything the server sends for one request until it closes the connection.
async fn raw(lab: &Lab, method: &str, path: &str, body: &str) -> Vec<u8> {
    let base = lab.emulator.base_url();
    let host = base
        .trim_start_matches("http://")
        .trim_end_matches("/management-api");
    let mut stream = TcpStream::connect(host).await.unwrap();
    let request = format!(
        "{method} /management-api{path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        lab.token,
        body.len(),
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut received = Vec::new();
    let all = async {
        // A reset instead of an orderly end is as good as the end.
        if let Err(error) = stream.read_to_end(&mut received).await {
            assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
        }
    };
    tokio::time::timeout(Duration::from_secs(10), all)
        .await
        .expect("the connection stayed open");
    received
}

fn label(text: &str) -> String {
    json!({ "label": text }).to_string()
}

#[tokio::test]
async fn a_cut_before_the_effect_leaves_no_trace_and_no_answer() {
    let lab = Lab::free(5).await;
    lab.control
        .faults_add(&Fault::new(FaultKind::CutBeforeEffect, "/v1/sims/").method("PUT"))
        .await
        .unwrap();
    let answer = raw(&lab, "PUT", &format!("/v1/sims/{}", iccid(0)), &label("cut")).await;
    assert_eq!(answer, b"", "{}", String::from_utf8_lossy(&answer));
    assert_ne!(
        lab.control.sim(&iccid(0)).await.unwrap().label.as_deref(),
        Some("cut")
    );
    let calls = lab.control.calls(&Default::default()).await.unwrap();
    assert_eq!(
        (calls[0].status, calls[0].fault.as_deref()),
        (None, Some("cut_before_effect"))
    );
    assert_eq!(
        lab.get(&format!("/v1/sims/{}", iccid(0))).await.status,
        200,
        "GET is not hit"
    );
}

#[tokio::test]
async fn a_cut_after_the_effect_does_it_and_stays_silent() {
    let lab = Lab::free(5).await;
    lab.control
        .faults_add(&Fault::new(FaultKind::CutAfterEffect, "*/topup").times(1))
        .await
        .unwrap();
    let path = format!("/v1/sims/{}/topup?payment_method=creditcard", iccid(0));
    assert_eq!(raw(&lab, "POST", &path, "").await, b"");
    let orders = lab.control.orders().await.unwrap();
    assert_eq!((orders.len(), orders[1].kind.as_str()), (2, "TOPUP"));
    assert_eq!(orders[1].iccids, [iccid(0)]);
    assert_eq!(lab.post_empty(&path).await.status, 201, "the rule is spent");
    assert!(lab.request(reqwest::Method::GET, "/v1/sims").send().await.is_ok());
}

#[tokio::test]
async fn a_truncated_body_announces_more_than_it_sends() {
    let lab = Lab::free(20).await;
    let whole = lab.get("/v1/sims").await.text;
    lab.control
        .faults_add(&Fault::new(FaultKind::TruncatedBody, "/v1/sims"))
        .await
        .unwrap();
    let answer = String::from_utf8(raw(&lab, "GET", "/v1/sims", "").await).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert!(
        head.to_lowercase()
            .contains(&format!("content-length: {}", whole.len())),
        "{head}"
    );
    assert!(head.to_lowercase().contains("x-total-count: 20"), "{head}");
    assert_eq!(body, &whole[..whole.len() / 2]);
    let library = lab
        .request(reqwest::Method::GET, "/v1/sims")
        .send()
        .await
        .unwrap();
    assert!(library.text().await.is_err());
}

#[tokio::test]
async fn an_empty_answer_cannot_be_truncated_only_cut() {
    let lab = Lab::free(5).await;
    lab.control
        .faults_add(&Fault::new(FaultKind::TruncatedBody, "/v1/sims/").method("PUT"))
        .await
        .unwrap();
    let path = format!("/v1/sims/{}", iccid(0));
    assert_eq!(raw(&lab, "PUT", &path, &label("half")).await, b"");
    let truth = lab.control.sim(&iccid(0)).await.unwrap();
    assert_eq!(truth.label.as_deref(), Some("half"), "the effect happens");
    let calls = lab.control.calls(&Default::default()).await.unwrap();
    assert_eq!(
        (calls[0].status, calls[0].fault.as_deref()),
        (None, Some("truncated_body"))
    );
}

#[tokio::test]
async fn no_body_follows_a_204() {
    let lab = Lab::free(5).await;
    let bodiless = |status, body| Fault::new(FaultKind::Status, "").status(status, body);
    for status in [204, 205, 304] {
        for body in [FaultBody::Json, FaultBody::Html] {
            let refused = lab.control.faults_add(&bodiless(status, body)).await;
            assert!(refused.is_err(), "{status} {body:?}");
        }
    }
    let id = lab
        .control
        .faults_add(&bodiless(204, FaultBody::Empty))
        .await
        .unwrap();
    assert_eq!(lab.get("/v1/sims").await.status, 204);
    lab.control.faults_remove(id).await.unwrap();

    let offline = SimPatch {
        connectivity: Some(Connectivity::Offline),
        sms_left: Some(5),
        ..SimPatch::default()
    };
    lab.control.patch_sim(&iccid(0), &offline).await.unwrap();
    let sms = format!("/v1/sims/{}/sms", iccid(0));
    let sent = lab.post(&sms, json!({"payload": "x"})).await;
    let number = sent.header("location").unwrap().rsplit('/').next().unwrap();
    lab.control
        .faults_add(&Fault::new(FaultKind::WrongJson, "").method("DELETE"))
        .await
        .unwrap();
    let cancelled = lab.delete(&format!("{sms}/{number}")).await;
    assert_eq!((cancelled.status, cancelled.json().is_array()), (200, true));
}

#[tokio::test]
async fn down_refuses_everything_until_cleared() {
    let lab = Lab::free(5).await;
    lab.control
        .faults_add(&Fault::new(FaultKind::Down, ""))
        .await
        .unwrap();
    for path in ["/v1/sims", "/v2/sims", "/v1/orders", "/nothing"] {
        assert_eq!(raw(&lab, "GET", path, "").await, b"", "{path}");
    }
    let login = lab
        .http
        .post(lab.url("/oauth/token"))
        .basic_auth(ID, Some(SECRET));
    assert!(
        login
            .json(&json!({"grant_type": "client_credentials"}))
            .send()
            .await
            .is_err()
    );
    lab.control.faults_clear().await.unwrap();
    assert_eq!(lab.get("/v1/sims").await.status, 200);
}

#[tokio::test]
async fn statuses_come_with_json_html_or_nothing() {
    let lab = Lab::free(5).await;
    let cases = [
        (503, FaultBody::Json, "{"),
        (502, FaultBody::Html, "<html>"),
        (500, FaultBody::Empty, ""),
    ];
    for (status, body, begins) in cases {
        let id = lab
            .control
            .faults_add(&Fault::new(FaultKind::Status, "/v1").status(status, body))
            .await
            .unwrap();
        let reply = lab
            .put(&format!("/v1/sims/{}", iccid(0)), json!({"label": "never"}))
            .await;
        assert_eq!(reply.status, status);
        assert!(reply.text.starts_with(begins), "{}", reply.text);
        assert_eq!(reply.text.is_empty(), body == FaultBody::Empty);
        assert_eq!(lab.get("/v2/sims").await.status, 200, "other paths are untouched");
        lab.control.faults_remove(id).await.unwrap();
    }
    assert_ne!(
        lab.control.sim(&iccid(0)).await.unwrap().label.as_deref(),
        Some("never")
    );
    let maintenance = Fault::new(FaultKind::Status, "/v1")
        .status(503, FaultBody::Empty)
        .retry_after(7);
    lab.control.faults_add(&maintenance).await.unwrap();
    assert_eq!(lab.get("/v1/sims").await.header("retry-after"), Some("7"));
}

#[tokio::test]
async fn throttling_comes_with_and_without_retry_after() {
    let lab = Lab::free(5).await;
    lab.control
        .faults_add(&Fault::new(FaultKind::Throttle, "/v1/sims").times(1))
        .await
        .unwrap();
    lab.control
        .faults_add(
            &Fault::new(FaultKind::Throttle, "/v1/sims")
                .times(1)
                .retry_after(3),
        )
        .await
        .unwrap();
    let (bare, told) = (lab.get("/v1/sims").await, lab.get("/v1/sims").await);
    assert_eq!((bare.status, bare.header("retry-after")), (429, None));
    assert_eq!((told.status, told.header("retry-after")), (429, Some("3")));
    assert_eq!(lab.get("/v1/sims").await.status, 200);
    let stats = lab.control.stats().await.unwrap();
    assert_eq!(
        (stats.throttled, stats.violations),
        (2, 0),
        "injected, not earned"
    );
}

#[tokio::test]
async fn wrong_json_is_valid_and_useless() {
    let lab = Lab::free(5).await;
    lab.control
        .faults_add(&Fault::new(FaultKind::WrongJson, ""))
        .await
        .unwrap();
    let list = lab.get("/v1/sims").await;
    assert_eq!((list.status, list.json().is_object()), (200, true));
    let sim = lab.get(&format!("/v2/sims/{}", iccid(0))).await;
    assert_eq!((sim.status, sim.json().is_array()), (200, true));
}

#[tokio::test]
async fn a_delay_is_late_and_the_effect_is_not() {
    let lab = Lab::free(5).await;
    lab.control
        .faults_add(&Fault::new(FaultKind::Delay, "").delay_ms(400).times(2))
        .await
        .unwrap();
    let start = Instant::now();
    assert_eq!(lab.get("/v1/sims").await.status, 200);
    assert!(start.elapsed() >= Duration::from_millis(400));
    let hasty = lab.request(reqwest::Method::PUT, &format!("/v1/sims/{}", iccid(0)));
    let hasty = hasty
        .json(&json!({"label": "late"}))
        .timeout(Duration::from_millis(100))
        .send()
        .await;
    assert!(hasty.unwrap_err().is_timeout());
    assert_eq!(
        lab.control.sim(&iccid(0)).await.unwrap().label.as_deref(),
        Some("late")
    );
}

#[tokio::test]
async fn probability_and_customer_narrow_a_fault() {
    let lab = Lab::free(5).await;
    let mut stranger = Fault::new(FaultKind::Status, "/v1/sims");
    stranger.customer = Some("somebody".to_owned());
    lab.control.faults_add(&stranger).await.unwrap();
    lab.control
        .faults_add(&Fault::new(FaultKind::Status, "/v1/sims").probability(0.5))
        .await
        .unwrap();
    let mut failed = 0;
    for _ in 0..200 {
        failed += usize::from(lab.get("/v1/sims?pageSize=1").await.status == 500);
    }
    assert!((50..150).contains(&failed), "{failed} of 200");
    let faults = lab.control.faults().await.unwrap();
    assert_eq!((faults[0].hits, faults[1].hits), (0, failed as u64));
    assert!(
        lab.control
            .faults_add(&Fault::new(FaultKind::Down, "").probability(1.5))
            .await
            .is_err()
    );
}
