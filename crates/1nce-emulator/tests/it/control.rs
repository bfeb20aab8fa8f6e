//! The control API itself.

use once_emulator::{CallFilter, ControlError, Emulator, EmulatorConfig, EmulatorError};
use serde_json::{Value, json};

use crate::lab::{ID, Lab, iccid};

#[tokio::test]
async fn every_call_is_reported_in_order_and_filters_work() {
    let lab = Lab::free(5).await;
    lab.get("/v1/sims?page=2").await;
    lab.put(&format!("/v2/sims/{}", iccid(0)), json!({"label": "x"}))
        .await;
    lab.get("/nothing").await;
    let calls = lab.control.calls(&CallFilter::default()).await.unwrap();
    let lines: Vec<_> = calls
        .iter()
        .map(|c| (c.method.as_str(), c.endpoint.as_str(), c.status))
        .collect();
    assert_eq!(
        lines,
        [
            ("GET", "GET /v1/sims", Some(200)),
            ("PUT", "PUT /v2/sims/{iccid}", Some(200)),
            ("GET", "GET (unknown)", Some(404)),
        ]
    );
    assert_eq!(
        (calls[0].query.as_str(), calls[0].customer.as_deref()),
        ("page=2", Some(ID))
    );
    assert_eq!(calls[1].body.as_deref(), Some(r#"{"label":"x"}"#));
    let later = CallFilter {
        since_id: Some(calls[0].id),
        method: Some("get".to_owned()),
        ..CallFilter::default()
    };
    assert_eq!(lab.control.calls(&later).await.unwrap(), calls[2..]);
    assert_eq!(lab.calls("/v2/sims").await, 1);
    lab.control.reset_calls().await.unwrap();
    assert_eq!(lab.control.calls(&CallFilter::default()).await.unwrap(), []);
    assert_eq!(lab.control.stats().await.unwrap().calls, 0);
}

#[tokio::test]
async fn calls_that_lead_nowhere_are_reported_too() {
    let lab = Lab::free(5).await;
    let host = lab.emulator.base_url().replace("/management-api", "");
    for path in ["/v1/sims", "/management-apiv1/sims", "/_emulator/nothing"] {
        let request = lab.http.get(format!("{host}{path}")).bearer_auth(&lab.token);
        assert_eq!(request.send().await.unwrap().status(), 404, "{path}");
    }
    let garbled = lab
        .request(reqwest::Method::PUT, &format!("/v1/sims/{}", iccid(0)))
        .header("content-encoding", "gzip")
        .body("no gzip");
    assert_eq!(garbled.send().await.unwrap().status(), 400);
    let calls = lab.control.calls(&CallFilter::default()).await.unwrap();
    let lines: Vec<_> = calls.iter().map(|c| (c.path.clone(), c.status)).collect();
    assert_eq!(
        lines,
        [
            ("/v1/sims".to_owned(), Some(404)),
            ("/management-apiv1/sims".to_owned(), Some(404)),
            (format!("/management-api/v1/sims/{}", iccid(0)), Some(400)),
        ]
    );
}

#[tokio::test]
async fn long_calls_are_kept_in_part() {
    let lab = Lab::free(5).await;
    let text = "é".repeat(3_000);
    lab.put(
        &format!("/v1/sims/{}?note={}", iccid(0), "x".repeat(3_000)),
        json!({ "label": text }),
    )
    .await;
    let calls = lab.control.calls(&CallFilter::default()).await.unwrap();
    let body = calls[0].body.as_deref().unwrap();
    assert!(
        (2_040..=2_048).contains(&body.len()) && body.ends_with('é'),
        "{}",
        body.len()
    );
    assert_eq!(calls[0].query.len(), 2_048);
}

#[tokio::test]
async fn secrets_are_never_in_the_journal() {
    let lab = Lab::free(5).await;
    lab.ask_token(ID, "a-wrong-secret").await;
    let text = lab
        .http
        .get(format!("{}/calls", lab.emulator.control_url()))
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    assert!(text.contains("/oauth/token") && !text.contains("secret") && !text.contains(&lab.token));
}

#[tokio::test]
async fn the_same_seed_is_the_same_fleet() {
    let list = async |seed| {
        let config = EmulatorConfig::default()
            .with_fleet(50)
            .with_seed(seed)
            .without_limits();
        Lab::start(config).await.get("/v1/sims?pageSize=50").await.json()
    };
    let (a, b, c) = (list(7).await, list(7).await, list(8).await);
    assert_eq!(a, b);
    assert_ne!(a, c);
}

#[tokio::test]
async fn nonsense_is_refused_with_a_reason() {
    let lab = Lab::free(5).await;
    let refused = lab
        .control
        .config(&json!({"rate_per_secnd": 5}))
        .await
        .unwrap_err();
    assert!(
        matches!(&refused, ControlError::Refused { status: 400, message } if message.contains("rate_per_secnd"))
    );
    assert!(matches!(
        lab.control.sim("1").await,
        Err(ControlError::Refused { status: 404, .. })
    ));
    assert!(matches!(
        lab.control.patch_order(1, "X").await,
        Err(ControlError::Refused { status: 404, .. })
    ));
    assert!(
        lab.control
            .for_customer("nobody")
            .add_sims(1, None)
            .await
            .is_err()
    );
    assert!(lab.control.advance_time(i64::MAX).await.is_err());
    assert!(lab.control.faults_remove(99).await.is_err());
}

#[tokio::test]
async fn customers_have_fleets_of_their_own() {
    let config = EmulatorConfig::default()
        .with_fleet(5)
        .with_customer("990002_other", "s2");
    let lab = Lab::start(config).await;
    let added = lab
        .control
        .for_customer("990002_other")
        .add_sims(2, None)
        .await
        .unwrap();
    assert_eq!(lab.control.sim(&added[0]).await.unwrap().customer, "990002_other");
    let stats = lab.control.stats().await.unwrap();
    assert_eq!(
        (
            stats.fleet,
            stats.customers[ID].fleet,
            stats.customers["990002_other"].fleet
        ),
        (12, 5, 7)
    );
}

#[tokio::test]
async fn the_index_names_what_there_is() {
    let lab = Lab::free(1).await;
    lab.control.health().await.unwrap();
    for path in ["", "/"] {
        let index = lab
            .http
            .get(format!("{}{path}", lab.emulator.control_url()))
            .send()
            .await
            .unwrap();
        let index: Value = index.json().await.unwrap();
        assert_eq!(index["api"], json!("/management-api"));
    }
}

#[tokio::test]
async fn impossible_configurations_do_not_start_and_a_stopped_one_frees_its_port() {
    for config in [
        EmulatorConfig::default().with_fleet(u32::MAX),
        EmulatorConfig::default().with_customer(ID, "again"),
        EmulatorConfig {
            customers: Vec::new(),
            ..EmulatorConfig::default()
        },
    ] {
        assert!(matches!(
            Emulator::start(config).await,
            Err(EmulatorError::Config(_))
        ));
    }
    let first = Emulator::start(EmulatorConfig::default()).await.unwrap();
    let listen = first
        .base_url()
        .trim_start_matches("http://")
        .trim_end_matches("/management-api")
        .to_owned();
    let taken = EmulatorConfig {
        listen: listen.clone(),
        ..EmulatorConfig::default()
    };
    assert!(matches!(
        Emulator::start(taken.clone()).await,
        Err(EmulatorError::Listen { .. })
    ));
    first.stop().await;
    Emulator::start(taken)
        .await
        .unwrap()
        .control()
        .health()
        .await
        .unwrap();
}
