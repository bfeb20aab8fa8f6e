//! What a refusal means: the monthly limit under any status, 422 only of a SIM, and questions that are asked once.

use domain::Iccid;
use once_client::model::{LimitUpdate, NewOrder, OrderLine, QuotaState, Service, SimQuery, SmsSubmit, Sort};
use once_client::{ClientError, Generations, Lane};

use crate::canned::{Canned, json};
use crate::strange_answers::client_with;
use crate::traps::worlds;

const LANE: Lane = Lane::Interactive;
const LIMIT: &str = r#"{"message":"Traffic limit of 10 SMS per month exceeded"}"#;

fn card() -> Iccid {
    Iccid::parse("8988999000000000017").unwrap()
}

fn text() -> SmsSubmit {
    SmsSubmit {
        payload: "reboot".into(),
        ..SmsSubmit::default()
    }
}

fn sent(server: &Canned) -> Vec<String> {
    let requests = server.requests.lock().unwrap();
    let calls = requests.iter().filter(|line| !line.contains("/oauth/"));
    calls.cloned().collect()
}

#[tokio::test]
async fn the_monthly_limit_is_told_apart_in_both_generations() {
    for (world, client, generations, mode) in worlds().await {
        let case = format!("{generations:?} {mode:?}");
        let v1 = world.only(Generations::V1Only);
        let step = v1.selectable_limits(LANE, Service::SmsMt).await.unwrap().steps;
        let update = LimitUpdate {
            sms_mt: step[0].id,
            ..LimitUpdate::default()
        };
        v1.set_limits(LANE, update).await.unwrap();
        let iccid = world.iccids(&client, 1).await[0];
        let mut outcome = client.send_sms(LANE, iccid, &text()).await;
        for _ in 0..10 {
            if outcome.is_ok() {
                outcome = client.send_sms(LANE, iccid, &text()).await;
            }
        }
        let error = outcome.unwrap_err();
        assert!(
            matches!(&error, ClientError::LimitReached { message, .. } if message.contains("10 SMS")),
            "{case}: {error:?}"
        );
    }
}

#[tokio::test]
async fn the_monthly_limit_is_known_by_its_text_under_any_status() {
    for status in [400, 401, 403, 404, 409, 422, 429] {
        let head = "x-amzn-requestid: r1\r\nretry-after: 60\r\n";
        let server = Canned::start(move |_| json(status, head, LIMIT)).await;
        let client = client_with(&server, |_| {});
        let before = client.budget().snapshot().await;

        let error = client.send_sms(LANE, card(), &text()).await.unwrap_err();

        assert!(
            matches!(error, ClientError::LimitReached { .. }),
            "{status}: {error:?}"
        );
        assert!(!error.is_retryable() && !error.nothing_sent(), "{status}");
        assert_eq!(error.request_id().unwrap().0, "r1", "{status}");
        assert_eq!(sent(&server).len(), 1, "{status}");
        let after = client.budget().snapshot().await;
        assert_eq!(
            (after.rate, after.blocked_for),
            (before.rate, None),
            "{status}: a limit of one SIM slows nobody down"
        );
    }
}

#[tokio::test]
async fn a_422_of_an_order_is_no_expired_sim_and_keeps_its_words() {
    let body = r#"{"error_code":7,"error_token":"NoAddress","message":"several addresses"}"#;
    let server = Canned::start(move |_| json(422, "", body)).await;
    let client = client_with(&server, |_| {});
    let order = NewOrder {
        lines: vec![OrderLine {
            product_id: 1001,
            quantity: 1,
        }],
        delivery_address: None,
        customer_reference: None,
    };
    for error in [
        client.create_order(LANE, &order).await.unwrap_err(),
        client.list_support(LANE, 1, 100).await.unwrap_err(),
    ] {
        let ClientError::Rejected {
            status: 422,
            code,
            message,
            ..
        } = error
        else {
            panic!("{error:?}")
        };
        assert_eq!(
            (code.as_deref(), message.as_str()),
            (Some("NoAddress"), "several addresses")
        );
    }
    let v1 = client_with(&server, |config| config.generations = Generations::V1Only);
    let sim = v1.get_sim(LANE, card()).await;
    assert!(matches!(sim, Err(ClientError::Expired { .. })), "{sim:?}");
    let quota = v1.data_quota(LANE, card()).await.unwrap().unwrap();
    assert_eq!(
        quota.state,
        Some(QuotaState::Expired),
        "v1 tells no more of an expired SIM"
    );
    let sim = client.get_sim(LANE, card()).await;
    assert!(
        matches!(sim, Err(ClientError::Rejected { status: 422, .. })),
        "v2 does not say expired so: {sim:?}"
    );
}

#[tokio::test]
async fn the_visited_network_is_asked_once() {
    for status in [500, 503, 429] {
        let server = Canned::start(move |_| json(status, "", "")).await;
        let client = client_with(&server, |config| config.generations = Generations::V1Only);
        let error = client.connectivity_info(LANE, card(), false).await.unwrap_err();
        assert!(error.is_retryable(), "a read, and never uncertain: {error:?}");
        assert_eq!(sent(&server).len(), 1, "{status}");
    }
}

#[tokio::test]
async fn records_that_are_no_product_and_no_case_are_returned_with_their_bytes() {
    let server = Canned::start(|line: &str| {
        let products = r#"[{"id":1001,"product":"SIM"},{"sku":"A"}]"#;
        let cases = r#"[{"caseId":"1"},"lost"]"#;
        json(
            200,
            "",
            if line.contains("/products") {
                products
            } else {
                cases
            },
        )
    })
    .await;
    let client = client_with(&server, |_| {});
    let list = client.list_products(LANE).await.unwrap();
    assert_eq!((list.products.len(), list.rejects.len()), (1, 1));
    assert_eq!(list.rejects[0].raw, r#"{"sku":"A"}"#);
    let page = client.list_support(LANE, 1, 2).await.unwrap();
    assert_eq!((page.cases.len(), page.rejects.len()), (1, 1));
    assert_eq!(page.rejects[0].raw, r#""lost""#);
    assert!(!page.is_last, "a reject does not end the list");
}

#[tokio::test]
async fn orders_products_and_support_follow_the_configured_version() {
    let server = Canned::start(|_| json(200, "", "[]")).await;
    let client = client_with(&server, |config| config.orders_version = Some("v9".into()));
    client.list_orders(LANE, 1, true).await.unwrap();
    client.get_order(LANE, 7).await.ok();
    client.list_products(LANE).await.unwrap();
    client.list_support(LANE, 1, 1).await.unwrap();
    client.get_sim(LANE, card()).await.ok();
    let calls = sent(&server);
    let of_version = |version: &str| calls.iter().filter(|line| line.contains(version)).count();
    assert_eq!(
        (of_version("/management-api/v9/"), of_version("/v2/sims/")),
        (4, 1),
        "{calls:?}"
    );
}

#[tokio::test]
async fn filters_and_order_are_sent_where_the_generation_has_them() {
    let sort = Sort::parse("-timestamp,id").unwrap();
    let query = SimQuery {
        ip_address: "100.64.0.17".parse().ok(),
        sort: Some(Sort::parse("-imei").unwrap()),
        ..SimQuery::default()
    };
    for (generations, ordered) in [(Generations::V1Only, 2), (Generations::V2Only, 0)] {
        let server = Canned::start(|_| json(200, "", "[]")).await;
        let client = client_with(&server, |config| config.generations = generations);
        client.find_sims(LANE, &query, 1, 10).await.unwrap();
        let events = client.events_in_order(LANE, card(), 1, 10, Some(&sort)).await;
        events.unwrap();
        let messages = client.list_sms_in_order(LANE, card(), 1, 10, Some(&sort)).await;
        messages.unwrap();
        let calls = sent(&server);
        assert!(
            calls[0].contains("q=ip_address%3A100.64.0.17&sort=-imei"),
            "{calls:?}"
        );
        let sorted = calls.iter().filter(|line| line.contains("sort=-timestamp%2Cid"));
        assert_eq!(sorted.count(), ordered, "{calls:?}");
    }
}
