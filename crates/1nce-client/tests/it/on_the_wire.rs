//! What is sent beside the call itself, and what an answer may look like on the wire.

use std::time::Duration;

use domain::Iccid;
use once_client::model::{NewSupportCase, PaymentMethod};
use once_client::{AccountFailure, BreakerState, ClientError, Generations, Lane};
use once_emulator::{Fault, FaultBody, FaultKind};

use crate::canned::{Canned, json};
use crate::strange_answers::client_with;
use crate::support::World;

const LANE: Lane = Lane::Interactive;

fn card() -> Iccid {
    Iccid::parse("8988999000000000017").unwrap()
}

#[tokio::test]
async fn an_action_without_a_body_says_that_it_has_none() {
    let server = Canned::start(|_| json(201, "", "")).await;
    let client = client_with(&server, |_| {});
    client.reset_sim(LANE, card()).await.unwrap();
    client
        .top_up(LANE, card(), PaymentMethod::CreditCard)
        .await
        .unwrap();
    let whole = server.whole.lock().unwrap().clone();
    let actions: Vec<_> = whole
        .iter()
        .filter(|text| text.starts_with("POST /management-api/v2"))
        .collect();
    assert_eq!(actions.len(), 2);
    for action in actions {
        let lengths = action
            .lines()
            .filter(|line| line.to_ascii_lowercase().starts_with("content-length"));
        assert_eq!(lengths.collect::<Vec<_>>(), ["content-length: 0"], "{action}");
    }
}

/// `[]`, compressed by gzip.
const COMPRESSED: [u8; 22] = [
    0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x03, 0x8b, 0x8e, 0x05, 0x00, 0x29, 0xbb, 0x4c,
    0x0d, 0x02, 0x00, 0x00, 0x00,
];

#[tokio::test]
async fn compressed_answers_are_asked_for_and_read_and_the_caller_says_who_it_is() {
    let server = Canned::start(|_| {
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\n\r\n",
            COMPRESSED.len()
        );
        [head.as_bytes(), &COMPRESSED].concat()
    })
    .await;
    let client = client_with(&server, |_| {});
    let page = client.list_sims(LANE, 1, 10).await.unwrap();
    assert!(page.sims.is_empty());
    let whole = server.whole.lock().unwrap().clone();
    let call = whole.last().unwrap().to_ascii_lowercase();
    assert!(call.contains("accept-encoding: gzip"), "{call}");
    assert!(call.contains("user-agent: simward/"), "{call}");
}

#[tokio::test]
async fn lists_of_sms_and_events_tell_their_last_page_without_totals() {
    let server = Canned::start(|line: &str| {
        let sms = r#"[{"id":"1"},{"no":"id"}]"#;
        let events = r#"[{"timestamp":"2026-07-15T12:00:00Z","event_type":"x"},7]"#;
        json(200, "", if line.contains("/events") { events } else { sms })
    })
    .await;
    let client = client_with(&server, |_| {});
    for (size, last) in [(2, false), (3, true)] {
        let sms = client.list_sms(LANE, card(), 1, size).await.unwrap();
        let events = client.events(LANE, card(), 1, size).await.unwrap();
        assert_eq!((sms.is_last, events.is_last), (last, last), "pages of {size}");
    }
}

#[tokio::test]
async fn a_question_for_limits_that_is_not_answered_does_not_mean_that_none_is_set() {
    for body in ["", r#"{"message":"no"}"#] {
        let server = Canned::start(move |_| json(200, "", body)).await;
        let client = client_with(&server, |config| config.generations = Generations::V1Only);
        let limits = client.get_limits(LANE).await;
        assert!(
            matches!(limits, Err(ClientError::Decode { .. })),
            "{body}: {limits:?}"
        );
    }
}

#[tokio::test]
async fn what_sets_values_is_repeated_after_a_lost_answer() {
    let world = World::unlimited().await;
    let client = world.only(Generations::V1Only);
    let iccids = world.iccids(&client, 2).await;
    let lost = Fault::new(FaultKind::CutAfterEffect, "/v1/sims/autoTopup").times(1);
    world.control.faults_add(&lost).await.unwrap();
    client.auto_top_up(LANE, &iccids, true).await.unwrap();
    assert!(
        world
            .control
            .sim(&iccids[1].to_string())
            .await
            .unwrap()
            .auto_topup
    );
    assert_eq!(world.calls("POST", "/autoTopup").await.len(), 2);
}

#[tokio::test]
async fn devices_that_no_network_reaches_close_no_way_to_1nce() {
    let server = Canned::start(|line: &str| match line.contains("connectivity_info") {
        true => json(504, "", ""),
        false => json(200, "", "[]"),
    })
    .await;
    let client = client_with(&server, |config| config.breaker_threshold = 2);
    for _ in 0..5 {
        client.connectivity_info(LANE, card(), false).await.unwrap_err();
    }
    assert_eq!(client.breaker_state(), BreakerState::Closed);
    client.list_sims(LANE, 1, 1).await.unwrap();
}

#[tokio::test]
async fn a_failure_of_the_account_is_told_apart_from_one_of_the_sim() {
    let cases = [
        (401, "", Some(AccountFailure::Unauthorized)),
        (503, "", Some(AccountFailure::Failing)),
        (200, "<html>", Some(AccountFailure::NotTheApi)),
        (429, "", Some(AccountFailure::Throttled)),
        (0, "", Some(AccountFailure::Unreachable)),
        (400, "{}", None),
        (200, r#"{"no":"sim"}"#, None),
    ];
    let mut texts = std::collections::BTreeSet::new();
    for (status, body, expected) in cases {
        let server = Canned::start(move |_| match status {
            0 => String::new(),
            status => json(status, "", body),
        })
        .await;
        let client = client_with(&server, |config| {
            config.max_retries = [0; 3];
            config.call_timeout = Duration::from_millis(300);
        });
        let error = client.get_sim(LANE, card()).await.unwrap_err();
        assert_eq!(error.account_failure(), expected, "{status} {body}: {error:?}");
        assert_eq!(error.is_the_accounts(), expected.is_some());
        texts.insert(error.refusal().message);
    }
    assert_eq!(texts.len(), 7, "each has a text of its own: {texts:?}");
}

#[tokio::test]
async fn refused_credentials_have_their_own_text_and_are_seen_by_health_checks() {
    let world = World::unlimited().await;
    let client = world.client_with(|config| config.client_secret = "wrong".into());
    assert_eq!(client.last_login(), None);
    let error = client.get_sim(LANE, card()).await.unwrap_err();
    assert_eq!(error.account_failure(), Some(AccountFailure::LoginRefused));
    assert!(client.last_login().unwrap().result.unwrap_err().refused);

    let good = world.client();
    good.list_sims(LANE, 1, 1)
        .await
        .expect("another secret is held off by the wrong one");
    assert_eq!(good.last_login().unwrap().result, Ok(()));
}

#[tokio::test]
async fn an_order_is_not_there_only_while_the_list_answers() {
    let world = World::unlimited().await;
    let client = world.client();
    assert_eq!(client.get_order(LANE, 1).await.unwrap(), None, "the list answers");
    for (status, body) in [
        (404, FaultBody::Html),
        (404, FaultBody::Empty),
        (410, FaultBody::Json),
        (403, FaultBody::Html),
    ] {
        let gone = Fault::new(FaultKind::Status, "/v1/orders").status(status, body);
        let gone_too = Fault::new(FaultKind::Status, "/v2/orders").status(404, FaultBody::Html);
        for fault in [gone, gone_too] {
            world.control.faults_add(&fault).await.unwrap();
        }
        let client = world.client();
        let order = client.get_order(LANE, 1).await;
        assert!(
            matches!(order, Err(ClientError::CapabilityUnavailable { .. })),
            "{status} {body:?}: {order:?}"
        );
        world.control.faults_clear().await.unwrap();
    }
}

#[tokio::test]
async fn orders_products_and_support_go_to_v2_when_v1_has_them_no_more() {
    let server = Canned::start(|line: &str| {
        if line.contains("/v1/") {
            return json(404, "", "<html>");
        }
        match line.starts_with("POST") {
            true => json(201, "location: /v2/orders/7\r\n", ""),
            false => json(200, "", "[]"),
        }
    })
    .await;
    let client = client_with(&server, |config| config.generations = Generations::Auto);
    assert!(client.list_orders(LANE, 1, true).await.unwrap().is_last);
    assert!(client.list_products(LANE).await.unwrap().products.is_empty());
    let case = NewSupportCase {
        reply_to: "a@example.com".into(),
        sender_name: "A".into(),
        subject: "x".into(),
        text: "x".into(),
    };
    client.create_support(LANE, &case).await.unwrap();
    client.list_orders(LANE, 2, true).await.unwrap();
    let sent = server.requests.lock().unwrap().clone();
    let old = sent.iter().filter(|line| line.contains("/v1/orders")).count();
    assert_eq!(old, 1, "the second call knows: {sent:?}");
}
