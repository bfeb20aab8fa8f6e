//! Login and tokens (FACTS §2).

use once_emulator::{EmulatorConfig, Mode};
use serde_json::json;

use crate::lab::{ID, Lab, Reply, SECRET};

async fn spec() -> Lab {
    Lab::start(EmulatorConfig::default().with_mode(Mode::Spec)).await
}

#[tokio::test]
async fn a_token_has_the_published_fields_and_is_long() {
    let lab = Lab::free(1).await;
    let body = lab.ask_token(ID, SECRET).await.json();
    assert_eq!(
        (&body["status_code"], &body["token_type"]),
        (&json!(200), &json!("bearer"))
    );
    assert_eq!((&body["userId"], &body["scope"]), (&json!(ID), &json!("all")));
    assert_eq!(body["access_token"].as_str().unwrap().len(), 3000);
}

#[tokio::test]
async fn the_server_hands_out_the_same_token_with_a_shrinking_life() {
    let lab = Lab::start(EmulatorConfig::default()).await;
    lab.control.advance_time(600).await.unwrap();
    let body = lab.ask_token(ID, SECRET).await.json();
    assert_eq!(body["access_token"], json!(lab.token));
    let left = body["expires_in"].as_i64().unwrap();
    assert!((2_900..=3_000).contains(&left), "{left}");
    lab.control.advance_time(3_000).await.unwrap();
    assert_eq!(lab.get("/v1/sims").await.status, 401);
    assert_ne!(lab.login(ID, SECRET).await, lab.token);
    assert_eq!(lab.control.stats().await.unwrap().tokens_issued, 2);
}

#[tokio::test]
async fn wrong_credentials_are_400_and_never_401() {
    let recorded = Lab::free(1).await;
    let reply = recorded.ask_token(ID, "wrong").await;
    assert_eq!(
        (reply.status, &reply.json()["errorCode"]),
        (400, &json!("CognitoAuthenticationError"))
    );
    let wrong = "Incorrect username or password.";
    assert_eq!(reply.json()["message"], json!(wrong));
    let unknown = recorded.ask_token("nobody", "wrong").await.json();
    assert_eq!(
        (&unknown["errorCode"], &unknown["message"]),
        (
            &json!("CognitoAuthenticationError"),
            &json!("User does not exist.")
        )
    );
    let spec = spec().await;
    let reply = spec.ask_token("nobody", "wrong").await;
    assert_eq!(
        (reply.status, &reply.json()["errorCode"]),
        (400, &json!("BadCredentials"))
    );
    let reply = spec.ask_token(ID, "").await;
    assert_eq!(reply.json()["errorCode"], json!("AuthValidationError"));
}

#[tokio::test]
async fn body_and_content_type_are_checked() {
    let (spec, recorded) = (spec().await, Lab::free(1).await);
    let form = |lab: &Lab| {
        let request = lab
            .http
            .post(lab.url("/oauth/token"))
            .basic_auth(ID, Some(SECRET));
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        request.body("grant_type=client_credentials").send()
    };
    let refused = Reply::read(form(&spec).await.unwrap()).await;
    assert_eq!(
        (refused.status, &refused.json()["errorCode"]),
        (400, &json!("UnsupportedContentTypeError"))
    );
    assert_eq!(
        form(&recorded).await.unwrap().status(),
        200,
        "a form worked in 2021"
    );
    let request = spec
        .http
        .post(spec.url("/oauth/token"))
        .basic_auth(ID, Some(SECRET))
        .json(&json!({}));
    let reply = Reply::read(request.send().await.unwrap()).await;
    assert_eq!(
        (reply.status, &reply.json()["errorCode"]),
        (400, &json!("BodyValidationError"))
    );
}

#[tokio::test]
async fn a_bad_bearer_gets_the_spring_body_and_revocation_makes_all_bad() {
    let lab = Lab::free(1).await;
    assert_eq!(lab.get("/v1/sims").await.status, 200);
    lab.control.revoke_tokens().await.unwrap();
    let reply = lab.get("/v1/sims?page=1").await;
    let body = reply.json();
    assert_eq!((reply.status, &body["status"]), (401, &json!(401)));
    assert_eq!(
        body["path"],
        json!("/internal-global-api/v1/sims"),
        "a path inside of 1NCE"
    );
    assert!(body["timestamp"].as_str().unwrap().ends_with("+0000"));
    let naked = lab.http.get(lab.url("/v2/sims")).send().await.unwrap();
    assert_eq!(naked.status(), 401);
}

#[tokio::test]
async fn schemes_may_be_written_in_any_case() {
    let lab = Lab::free(1).await;
    for scheme in ["Bearer", "bearer", "BEARER"] {
        let request = lab.http.get(lab.url("/v1/sims"));
        let request = request.header("authorization", format!("{scheme} {}", lab.token));
        assert_eq!(request.send().await.unwrap().status(), 200, "{scheme}");
    }
    let request = lab.http.post(lab.url("/oauth/token"));
    let request = request.header("authorization", "basic OTkwMDAxX3NpbXdhcmQ6ZW11bGF0b3Itc2VjcmV0");
    let request = request.json(&json!({"grant_type": "client_credentials"}));
    assert_eq!(request.send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn the_grant_type_may_stand_in_the_query_where_it_was_recorded() {
    let (spec, recorded) = (spec().await, Lab::free(1).await);
    for (lab, status) in [(&recorded, 200), (&spec, 400)] {
        let request = lab
            .http
            .post(lab.url("/oauth/token?grant_type=client_credentials"))
            .basic_auth(ID, Some(SECRET));
        assert_eq!(request.send().await.unwrap().status(), status);
    }
}
