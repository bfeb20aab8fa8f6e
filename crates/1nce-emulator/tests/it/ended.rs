//! Paths and generations that are gone, and the ways in which they say so (FACTS §1).

use std::time::Duration;

use once_emulator::{EmulatorConfig, Ended, Manner};
use serde_json::json;

use crate::lab::{Lab, Reply, iccid};

/// A call whose redirects are not followed.
async fn unfollowed(lab: &Lab, path: &str) -> Reply {
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
    let request = client.build().unwrap().get(lab.url(path)).bearer_auth(&lab.token);
    Reply::read(request.send().await.unwrap()).await
}

#[tokio::test]
async fn a_generation_ends_in_every_manner() {
    let lab = Lab::free(5).await;
    let cases = [
        (Manner::NotFoundJson, 404, "{"),
        (Manner::NotFoundHtml, 404, "<html>"),
        (Manner::GoneJson, 410, "{"),
        (Manner::GoneHtml, 410, "<html>"),
        (
            Manner::Forbidden,
            403,
            "{\"message\":\"Missing Authentication Token\"",
        ),
        (Manner::Unauthorized, 401, "{"),
        (Manner::RedirectToPage, 301, "<html>"),
        (Manner::RedirectToV2, 308, ""),
        (Manner::OkHtml, 200, "<html>"),
    ];
    for (manner, status, begins) in cases {
        lab.control.end(&[Ended::new("/v1/", manner)]).await.unwrap();
        for path in ["/v1/sims", "/v1/orders"] {
            let reply = unfollowed(&lab, path).await;
            assert_eq!(reply.status, status, "{manner:?}");
            assert!(reply.text.starts_with(begins), "{manner:?}: {}", reply.text);
        }
        assert_eq!(lab.get("/v2/sims").await.json().as_array().unwrap().len(), 5);
    }
    lab.control.end(&[]).await.unwrap();
    assert_eq!(lab.get("/v1/sims").await.status, 200);
}

#[tokio::test]
async fn who_follows_a_redirect_ends_on_a_page_or_in_v2() {
    let lab = Lab::free(5).await;
    lab.control
        .end(&[Ended::new("/v1/sims", Manner::RedirectToPage)])
        .await
        .unwrap();
    let page = lab.get("/v1/sims").await;
    assert_eq!(
        (page.status, page.header("content-type")),
        (200, Some("text/html"))
    );
    lab.control
        .end(&[Ended::new("/v1/sims", Manner::RedirectToV2)])
        .await
        .unwrap();
    assert_eq!(
        lab.get("/v1/sims?pageSize=2")
            .await
            .json()
            .as_array()
            .unwrap()
            .len(),
        2
    );
    let topup = format!("/v1/sims/{}/topup", iccid(0));
    assert_eq!(
        lab.post(&topup, json!({})).await.status,
        201,
        "the call is repeated there"
    );
    assert_eq!(lab.control.orders().await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_single_path_a_pattern_or_a_method_can_end_alone() {
    let lab = Lab::free(5).await;
    let transfer = Ended::new("/v1/sims/simTransfer$", Manner::NotFoundJson);
    let quotas = Ended::new("/v2/sims/*/quota/", Manner::GoneHtml);
    let changes = Ended {
        method: Some("PUT".to_owned()),
        ..Ended::new("/v1/sims/", Manner::Forbidden)
    };
    lab.control.end(&[transfer, quotas, changes]).await.unwrap();
    let sim = iccid(0);
    assert_eq!(lab.post("/v1/sims/simTransfer", json!({})).await.status, 404);
    assert_eq!(lab.get(&format!("/v2/sims/{sim}/quota/data")).await.status, 410);
    assert_eq!(lab.get(&format!("/v1/sims/{sim}/quota/data")).await.status, 200);
    assert_eq!(
        lab.put(&format!("/v1/sims/{sim}"), json!({"label": "never"}))
            .await
            .status,
        403
    );
    assert_ne!(
        lab.control.sim(&sim).await.unwrap().label.as_deref(),
        Some("never"),
        "without an effect"
    );
    assert_eq!(lab.get(&format!("/v1/sims/{sim}")).await.status, 200);
    assert_eq!(lab.get("/v1/sims").await.status, 200);
}

#[tokio::test]
async fn a_path_may_have_ended_before_the_start_and_may_hang() {
    let config = EmulatorConfig::default().without_limits().with_settings(|s| {
        s.ended = vec![Ended::new("/v1/orders", Manner::Hang)];
        s.hang_seconds = 1;
    });
    let lab = Lab::start(config).await;
    let hasty = lab.request(reqwest::Method::GET, "/v1/orders");
    let hasty = hasty.timeout(Duration::from_millis(200)).send().await;
    assert!(hasty.unwrap_err().is_timeout());
    let patient = lab.request(reqwest::Method::GET, "/v1/orders").send().await;
    assert!(!patient.unwrap_err().is_timeout(), "the connection ends");
    let calls = lab.control.calls(&Default::default()).await.unwrap();
    assert_eq!((calls[0].status, calls[0].fault.as_deref()), (None, Some("hang")));
    assert_eq!(lab.get("/v1/sims").await.status, 200);
}
