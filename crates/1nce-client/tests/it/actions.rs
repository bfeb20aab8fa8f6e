//! What is repeated and what never is (FACTS §14), counted where it counts: at the emulator.

use std::time::Duration;

use domain::{AccountSlug, SimStatus};
use once_client::model::{NewOrder, OrderLine, PaymentMethod, SmsSubmit};
use once_client::{ClientConfig, ClientError, Generations, Lane, OnceClient, SimUpdate};
use once_emulator::{Fault, FaultBody, FaultKind};

use crate::support::{World, recorder};

const LANE: Lane = Lane::Interactive;

fn text() -> SmsSubmit {
    SmsSubmit {
        payload: "reboot".into(),
        ..SmsSubmit::default()
    }
}

async fn world_with(fault: Fault) -> (World, OnceClient, domain::Iccid) {
    let world = World::unlimited().await;
    let client = world.only(Generations::V2Only);
    let iccid = world.iccids(&client, 1).await[0];
    world.control.faults_add(&fault).await.unwrap();
    (world, client, iccid)
}

#[tokio::test]
async fn an_sms_without_an_answer_is_uncertain_and_sent_once() {
    for (kind, effect) in [
        (FaultKind::CutBeforeEffect, 0),
        (FaultKind::CutAfterEffect, 1),
        (FaultKind::Down, 0),
    ] {
        let (world, client, iccid) = world_with(Fault::new(kind, "/v2/sims/*/sms")).await;
        let error = client.send_sms(LANE, iccid, &text()).await.unwrap_err();
        assert!(
            matches!(error, ClientError::Uncertain { .. }),
            "{kind:?}: {error:?}"
        );
        assert!(!error.is_retryable() && !error.nothing_sent());
        assert_eq!(world.calls("POST", "/sms").await.len(), 1, "{kind:?}");
        let truth = world.control.sim(&iccid.to_string()).await.unwrap();
        assert_eq!(truth.messages, effect, "{kind:?}");
    }
}

#[tokio::test]
async fn money_is_never_spent_twice_on_a_5xx_a_timeout_or_html() {
    for fault in [
        Fault::new(FaultKind::Status, "/v2/sims/*/topup").status(503, FaultBody::Html),
        Fault::new(FaultKind::CutAfterEffect, "/v2/sims/*/topup"),
        Fault::new(FaultKind::Delay, "/v2/sims/*/topup").delay_ms(3_000),
    ] {
        let world = World::unlimited().await;
        let client = world.client_with(|config| {
            config.generations = Generations::V2Only;
            config.call_timeout = Duration::from_millis(500);
        });
        let iccid = world.iccids(&client, 1).await[0];
        world.control.faults_add(&fault).await.unwrap();
        let orders = world.control.orders().await.unwrap().len();
        let error = client
            .top_up(LANE, iccid, PaymentMethod::CreditCard)
            .await
            .unwrap_err();
        assert!(
            matches!(error, ClientError::Uncertain { .. }),
            "{fault:?}: {error:?}"
        );
        assert!(world.calls("POST", "/topup").await.len() <= 1, "{fault:?}");
        assert!(
            world.control.orders().await.unwrap().len() <= orders + 1,
            "{fault:?}"
        );
    }
}

#[tokio::test]
async fn an_order_that_fails_on_the_way_is_uncertain_too() {
    let (world, client, _) = world_with(Fault::new(FaultKind::CutAfterEffect, "/v1/orders")).await;
    let order = NewOrder {
        lines: vec![OrderLine {
            product_id: client.list_products(LANE).await.unwrap().products[0].id,
            quantity: 1,
        }],
        delivery_address: None,
        customer_reference: None,
    };
    let error = client.create_order(LANE, &order).await.unwrap_err();
    assert!(matches!(error, ClientError::Uncertain { .. }), "{error:?}");
    assert_eq!(world.calls("POST", "/v1/orders").await.len(), 1);
}

#[tokio::test]
async fn an_action_is_repeated_after_a_429_because_nothing_happened() {
    let fault = Fault::new(FaultKind::Throttle, "/v2/sims/*/sms")
        .times(1)
        .retry_after(1);
    let (world, client, iccid) = world_with(fault).await;
    client.send_sms(LANE, iccid, &text()).await.unwrap();
    assert_eq!(world.calls("POST", "/sms").await.len(), 2);
    let truth = world.control.sim(&iccid.to_string()).await.unwrap();
    assert_eq!(truth.messages, 1);
}

#[tokio::test]
async fn a_refused_action_is_certain_and_sent_once() {
    let fault = Fault::new(FaultKind::Status, "/v2/sims/*/topup").status(403, FaultBody::Json);
    let (world, client, iccid) = world_with(fault).await;
    let error = client
        .top_up(LANE, iccid, PaymentMethod::CreditCard)
        .await
        .unwrap_err();
    assert!(
        matches!(error, ClientError::Rejected { status: 403, .. }),
        "{error:?}"
    );
    assert_eq!(world.calls("POST", "/topup").await.len(), 1);
}

#[tokio::test]
async fn reads_are_repeated_until_they_work() {
    for fault in [
        Fault::new(FaultKind::Status, "/v2/sims").status(500, FaultBody::Json),
        Fault::new(FaultKind::Status, "/v2/sims").status(502, FaultBody::Html),
        Fault::new(FaultKind::CutBeforeEffect, "/v2/sims"),
        Fault::new(FaultKind::TruncatedBody, "/v2/sims"),
        Fault::new(FaultKind::Throttle, "/v2/sims"),
    ] {
        let (world, client, iccid) = world_with(fault.clone().times(2)).await;
        world.control.reset_calls().await.unwrap();
        let sim = client.get_sim(LANE, iccid).await;
        assert_eq!(sim.unwrap().unwrap().iccid, iccid, "{fault:?}");
        assert_eq!(world.calls("GET", "/v2/sims").await.len(), 3, "{fault:?}");
    }
}

#[tokio::test]
async fn a_lasting_failure_of_a_read_is_told_with_its_status() {
    let fault = Fault::new(FaultKind::Status, "/v2/sims").status(502, FaultBody::Html);
    let (world, client, iccid) = world_with(fault).await;
    world.control.reset_calls().await.unwrap();
    let error = client.get_sim(LANE, iccid).await.unwrap_err();
    assert!(
        matches!(error, ClientError::Server { status: 502, .. }),
        "{error:?}"
    );
    assert!(error.is_retryable());
    assert_eq!(
        world.calls("GET", "/v2/sims").await.len(),
        3,
        "one call and two repeats"
    );
}

#[tokio::test]
async fn json_of_another_shape_is_not_repeated() {
    let (world, client, _) = world_with(Fault::new(FaultKind::WrongJson, "/v2/sims")).await;
    world.control.reset_calls().await.unwrap();
    let error = client.list_sims(LANE, 1, 10).await.unwrap_err();
    assert!(matches!(error, ClientError::Decode { .. }), "{error:?}");
    assert_eq!(world.calls("GET", "/v2/sims").await.len(), 1);
}

#[tokio::test]
async fn a_change_is_repeated_and_a_reset_once_at_most() {
    let fault = Fault::new(FaultKind::CutAfterEffect, "/v2/sims")
        .method("PUT")
        .times(2);
    let (world, client, iccid) = world_with(fault).await;
    let update = SimUpdate {
        status: Some(SimStatus::Disabled),
        imei_lock: Some(false),
        ..SimUpdate::new(iccid)
    };
    client.update_sim(LANE, &update).await.unwrap();
    assert_eq!(world.calls("PUT", "/v2/sims").await.len(), 3);
    let reset = Fault::new(FaultKind::Status, "/v2/sims/*/reset").status(500, FaultBody::Empty);
    world.control.faults_add(&reset).await.unwrap();
    let error = client.reset_sim(LANE, iccid).await.unwrap_err();
    assert!(matches!(error, ClientError::Server { .. }), "{error:?}");
    assert_eq!(world.calls("POST", "/reset").await.len(), 2);
}

#[tokio::test]
async fn a_closed_port_is_certain_to_have_received_nothing() {
    let account = AccountSlug::parse("main").unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}/management-api", listener.local_addr().unwrap());
    drop(listener);
    let mut config = ClientConfig::new(account, base, "id", "secret".into());
    config.generations = Generations::V2Only;
    config.retry_min_delay = Duration::from_millis(1);
    let client = OnceClient::new(config, None, recorder()).unwrap();
    let iccid = domain::Iccid::parse("8988999000000000017").unwrap();
    let error = client.send_sms(LANE, iccid, &text()).await.unwrap_err();
    assert!(error.nothing_sent() && error.is_retryable(), "{error:?}");
}
