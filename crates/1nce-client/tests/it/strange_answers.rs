//! Answers that no server should give; the client stays calm and says what it saw.

use domain::{AccountSlug, Iccid, SimStatus};
use once_client::{ClientConfig, ClientError, Generations, Lane, OnceClient};

use crate::canned::{Canned, json};
use crate::support::recorder;

const CARD: &str = "8988999000000000017";

fn client(server: &Canned) -> OnceClient {
    client_with(server, |_| {})
}

pub fn client_with(server: &Canned, change: impl FnOnce(&mut ClientConfig)) -> OnceClient {
    let account = AccountSlug::parse("main").unwrap();
    let mut config = ClientConfig::new(account, server.base_url.clone(), "id", "secret".into());
    config.generations = Generations::V2Only;
    config.sims_per_second = 500;
    config.retry_min_delay = std::time::Duration::from_millis(1);
    change(&mut config);
    OnceClient::new(config, None, recorder()).unwrap()
}

fn card() -> Iccid {
    Iccid::parse(CARD).unwrap()
}

#[tokio::test]
async fn a_bad_record_of_a_list_costs_only_itself() {
    let body =
        format!(r#"[{{"iccid":"{CARD}","status":"Asleep","hologram":true}},{{"label":"no number"}},null]"#);
    let server = Canned::start(move |_| json(200, "x-total-count: many\r\n", &body)).await;
    let page = client(&server)
        .list_sims(Lane::Interactive, 1, 100)
        .await
        .unwrap();
    assert_eq!((page.sims.len(), page.rejects.len(), page.total), (1, 2, None));
    assert_eq!(page.sims[0].status, SimStatus::Unknown);
    assert_eq!(page.sims[0].provider_status, "Asleep");
    assert_eq!(page.sims[0].extra["hologram"], true);
    assert_eq!(page.rejects[0].raw, r#"{"label":"no number"}"#);
    assert!(page.is_last());
}

#[tokio::test]
async fn a_byte_that_is_no_utf8_costs_its_label_and_not_the_page() {
    let body = format!(r#"[{{"iccid":"{CARD}","label":"pump~1"}},{{"iccid":"8988999000000000018"}}]"#);
    let server = Canned::start(move |_| {
        let mut answer = json(200, "", &body).into_bytes();
        answer
            .iter_mut()
            .filter(|byte| **byte == b'~')
            .for_each(|byte| *byte = 0xff);
        answer
    })
    .await;
    let page = client(&server)
        .list_sims(Lane::Interactive, 1, 100)
        .await
        .unwrap();
    assert_eq!((page.sims.len(), page.rejects.len()), (2, 0));
    assert_eq!(page.sims[0].label.as_deref(), Some("pump\u{fffd}1"));
}

#[tokio::test]
async fn an_answer_about_another_card_is_refused() {
    let body = r#"{"iccid":"8988999000000000018","status":"Enabled"}"#;
    let server = Canned::start(move |_| json(200, "", body)).await;
    let error = client(&server)
        .get_sim(Lane::Interactive, card())
        .await
        .unwrap_err();
    assert!(matches!(error, ClientError::IccidMismatch { asked, .. } if asked == card()));
}

#[tokio::test]
async fn html_where_json_is_promised_is_told_with_its_beginning_and_request_id() {
    let server = Canned::start(|_| {
        let page = format!("<html><h1>Maintenance</h1>{}</html>", "x".repeat(5_000));
        json(200, "X-Amzn-Requestid: req-17\r\n", &page)
    })
    .await;
    let error = client(&server)
        .list_sims(Lane::Interactive, 1, 10)
        .await
        .unwrap_err();
    assert_eq!(error.request_id().unwrap().0, "req-17");
    let ClientError::Decode { status, excerpt, .. } = error else {
        panic!("{error:?}")
    };
    assert!(excerpt.starts_with("<html><h1>Maintenance") && excerpt.chars().count() == 4_000);
    assert_eq!(status, 200);
}

#[tokio::test]
async fn an_empty_list_body_is_no_empty_fleet() {
    let server = Canned::start(|_| json(200, "", "")).await;
    let error = client(&server)
        .list_sims(Lane::Interactive, 1, 10)
        .await
        .unwrap_err();
    assert!(matches!(error, ClientError::Decode { .. }), "{error:?}");
}

#[tokio::test]
async fn an_answer_beyond_the_size_limit_is_not_read() {
    let server = Canned::start(|_| json(200, "", &"[".repeat(200_000))).await;
    let client = client_with(&server, |config| {
        config.max_body = 100_000;
        config.max_retries = [0; Lane::COUNT];
    });
    let error = client.list_sims(Lane::Interactive, 1, 10).await.unwrap_err();
    assert!(matches!(&error, ClientError::Transport { message, .. } if message.contains("larger")));
}

#[tokio::test]
async fn every_error_shape_keeps_code_message_and_request_id() {
    for (body, code) in [
        (
            r#"{"error_code":1000,"error_token":"Conflict","message":"why"}"#,
            "Conflict",
        ),
        (
            r#"{"statusCode":409,"errorCode":"Conflict","message":"why"}"#,
            "Conflict",
        ),
    ] {
        let server = Canned::start(move |_| json(409, "x-amzn-requestid: r1\r\n", body)).await;
        let error = client(&server)
            .get_sim(Lane::Interactive, card())
            .await
            .unwrap_err();
        assert!(!error.is_retryable());
        let ClientError::Rejected {
            status: 409,
            code: told,
            message,
            request_id,
        } = error
        else {
            panic!("{error:?}")
        };
        assert_eq!((told.as_deref(), message.as_str()), (Some(code), "why"));
        assert_eq!(request_id.unwrap().0, "r1");
    }
}

#[tokio::test]
async fn nothing_is_sent_to_another_host_with_our_token() {
    let elsewhere = Canned::start(|_| json(200, "", "[]")).await;
    let location = format!("location: {}/v2/sims\r\n", elsewhere.base_url);
    let server = Canned::start(move |_| json(302, &location, "")).await;
    let client = client_with(&server, |config| config.max_retries = [0; Lane::COUNT]);
    let error = client.list_sims(Lane::Interactive, 1, 10).await.unwrap_err();
    assert!(
        matches!(error, ClientError::Server { status: 302, .. }),
        "{error:?}"
    );
    assert!(elsewhere.requests.lock().unwrap().is_empty());
}
