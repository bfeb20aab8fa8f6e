//! Top-ups, extensions, orders, products and support (FACTS §9, §13).

use once_emulator::{EmulatorConfig, Mode, SimPatch};
use serde_json::{Value, json};

use crate::lab::{Lab, iccid};

async fn granted(lab: &Lab, n: u32) -> (f64, i64) {
    let sim = lab.control.sim(&iccid(n)).await.unwrap();
    (sim.data_granted_mb, sim.sms_granted)
}

/// Orders a top-up and returns the path of the order.
async fn order(lab: &Lab, version: &str, n: u32, method: &str) -> String {
    let path = format!("/{version}/sims/{}/topup?payment_method={method}", iccid(n));
    let reply = lab.post_empty(&path).await;
    assert_eq!((reply.status, reply.text.as_str()), (201, ""));
    let location = reply.header("location").unwrap();
    let own = format!("/management-api/{version}/orders/");
    assert!(location.contains(&own), "{location}");
    format!("/v1/orders/{}", location.rsplit('/').next().unwrap())
}

/// A SIM that uses nothing by itself, with 40 MB and 7 SMS left.
async fn quiet_sim(lab: &Lab) {
    let patch = SimPatch {
        enabled: Some(false),
        data_left_mb: Some(40.0),
        sms_left: Some(7),
        ..SimPatch::default()
    };
    lab.control.patch_sim(&iccid(0), &patch).await.unwrap();
}

#[tokio::test]
async fn a_top_up_is_an_order_and_volume_arrives_when_it_is_paid() {
    let lab = Lab::free(5).await;
    quiet_sim(&lab).await;
    let methods = [
        ("v1", "creditcard", 60),
        ("v2", "boleto", 86_400),
        ("v1", "nonsense", 2 * 86_400),
    ];
    for (version, method, wait) in methods {
        let before = lab.control.sim(&iccid(0)).await.unwrap();
        let order = order(&lab, version, 0, method).await;
        let status = lab.get(&order).await.json()["order_status"].clone();
        assert_eq!(status, json!("IN_PREPARATION"), "{method}");
        assert_eq!(lab.control.sim(&iccid(0)).await.unwrap(), before, "{method}");
        lab.control.advance_time(wait).await.unwrap();
        let after = lab.control.sim(&iccid(0)).await.unwrap();
        assert_eq!(after.data_left_mb, before.data_left_mb + 500.0, "{method}");
        assert_eq!(after.sms_left, before.sms_left + 250);
        assert_eq!(after.sms_granted, before.sms_granted + 250);
        let status = lab.get(&order).await.json()["order_status"].clone();
        assert_eq!(status, json!("COMPLETED"));
    }
}

#[tokio::test]
async fn a_top_up_leaves_its_numbers_and_an_event_behind() {
    let lab = Lab::free(5).await;
    quiet_sim(&lab).await;
    order(&lab, "v2", 0, "creditcard").await;
    lab.control.advance_time(60).await.unwrap();
    let quota = lab.get(&format!("/v2/sims/{}/quota/sms", iccid(0))).await.json();
    assert_eq!(quota["accumulated_total_volume"], json!(500));
    assert_eq!(quota["last_volume_added"], json!(250));
    assert_eq!(quota["total_volume"], json!(257), "what was left plus the top-up");
    let path = format!("/v2/sims/{}/events?pageSize=1000", iccid(0));
    let events = lab.get(&path).await.json();
    let is_assigned = |e: &&Value| e["event_type"]["id"] == json!(56);
    let assigned = events.as_array().unwrap().iter().find(is_assigned).unwrap();
    let text = assigned["detail"]
        .as_str()
        .expect("a text that only looks like JSON");
    assert!(text.contains("\"last_volume_added\":500"), "{text}");
    assert!(serde_json::from_str::<Value>(text).is_err(), "{text}");
}

#[tokio::test]
async fn top_ups_are_not_idempotent_and_not_for_strangers() {
    let lab = Lab::free(5).await;
    let path = format!("/v1/sims/{}/topup?payment_method=creditcard", iccid(0));
    lab.post_empty(&path).await;
    lab.post_empty(&path).await;
    lab.control.advance_time(70).await.unwrap();
    assert_eq!(granted(&lab, 0).await, (1500.0, 750));
    assert_eq!(
        lab.post_empty("/v1/sims/8988280666000000999/topup").await.status,
        404
    );
    lab.control.config(&json!({"mode": "spec"})).await.unwrap();
    let reply = lab
        .post_empty(&format!("/v2/sims/{}/topup?payment_method=gold", iccid(0)))
        .await;
    assert_eq!(
        (reply.status, reply.json()),
        (400, json!({"message": "Payment method used is not valid."}))
    );
}

#[tokio::test]
async fn a_bulk_top_up_is_one_order_for_many() {
    let lab = Lab::free(5).await;
    let body = json!([iccid(0), iccid(2)]);
    let reply = lab.post("/v1/sims/topup?payment_method=creditcard", body).await;
    assert_eq!(reply.status, 201);
    let number = reply
        .header("location")
        .unwrap()
        .rsplit('/')
        .next()
        .unwrap()
        .to_owned();
    let order = lab.get(&format!("/v1/orders/{number}")).await.json();
    assert_eq!(
        (&order["order_type"], &order["sims"][1]["iccid"]),
        (&json!("BULK_TOPUP"), &json!(iccid(2)))
    );
    assert!(order["invoice_amount"].is_string() && order["order_number"].is_u64());
    lab.control.advance_time(70).await.unwrap();
    assert_eq!(
        (
            granted(&lab, 0).await.0,
            granted(&lab, 1).await.0,
            granted(&lab, 2).await.0
        ),
        (1000.0, 500.0, 1000.0)
    );
    assert_eq!(
        lab.post("/v1/sims/topup", json!([iccid(0), "1"])).await.status,
        404
    );
    assert_eq!(
        lab.post("/v1/sims/topup", json!({"iccids": []})).await.status,
        400
    );
    assert_eq!(
        lab.control.orders().await.unwrap().len(),
        2,
        "refused calls order nothing"
    );
}

#[tokio::test]
async fn a_stopped_order_brings_nothing_and_a_test_may_pay_one() {
    let lab = Lab::free(5).await;
    for n in [0, 1] {
        lab.post_empty(&format!("/v1/sims/{}/topup", iccid(n))).await;
    }
    let orders = lab.control.orders().await.unwrap();
    lab.control
        .patch_order(orders[1].number, "CANCELLED")
        .await
        .unwrap();
    lab.control
        .patch_order(orders[2].number, "COMPLETED")
        .await
        .unwrap();
    assert_eq!(granted(&lab, 1).await.0, 1000.0, "paid at once");
    lab.control.advance_time(5 * 86_400).await.unwrap();
    assert_eq!(
        (granted(&lab, 0).await.0, granted(&lab, 1).await.0),
        (500.0, 1000.0),
        "and only once"
    );
    let list = lab.get("/v1/orders?sort=-order_number").await.json();
    assert_eq!(
        (&list[1]["order_status"], &list[0]["order_status"]),
        (&json!("CANCELLED"), &json!("COMPLETED"))
    );
    let list = lab.get("/v1/orders?sort=-order_status,order_number").await.json();
    let numbers: Vec<_> = list
        .as_array()
        .unwrap()
        .iter()
        .map(|order| order["order_number"].as_u64())
        .collect();
    assert_eq!(list[2]["order_status"], json!("CANCELLED"));
    assert!(
        numbers[0] < numbers[1],
        "a descending field leaves the next one alone"
    );
}

#[tokio::test]
async fn automatic_top_ups_buy_within_four_hours_once() {
    let lab = Lab::free(50).await;
    let sim = lab
        .find(|sim| sim.enabled && sim.data_left_mb > 150.0 && sim.sms_left > 60)
        .await
        .iccid;
    let body = json!({"enabled": true, "iccids": [sim]});
    assert_eq!(lab.post("/v1/sims/autoTopup", body).await.status, 201);
    assert!(lab.control.sim(&sim).await.unwrap().auto_topup);
    lab.control.advance_time(8 * 3600).await.unwrap();
    assert_eq!(
        lab.control.orders().await.unwrap().len(),
        1,
        "more than a fifth is left"
    );
    lab.control
        .patch_sim(
            &sim,
            &SimPatch {
                data_left_mb: Some(50.0),
                ..SimPatch::default()
            },
        )
        .await
        .unwrap();
    lab.control.advance_time(4 * 3600 + 60).await.unwrap();
    lab.control.advance_time(12 * 3600).await.unwrap();
    let orders = lab.control.orders().await.unwrap();
    assert_eq!(
        (
            orders.len(),
            orders[1].iccids.as_slice(),
            orders[1].status.as_str()
        ),
        (2, [sim.clone()].as_slice(), "COMPLETED")
    );
    let off = json!({"enabled": false, "iccids": [sim]});
    lab.post("/v1/sims/autoTopup", off).await;
    lab.control
        .patch_sim(
            &sim,
            &SimPatch {
                data_left_mb: Some(1.0),
                ..SimPatch::default()
            },
        )
        .await
        .unwrap();
    lab.control.advance_time(24 * 3600).await.unwrap();
    assert_eq!(lab.control.orders().await.unwrap().len(), 2);
}

#[tokio::test]
async fn automatic_top_ups_wait_for_a_payment_under_way() {
    let lab = Lab::free(50).await;
    lab.control
        .config(&json!({"payment_delays": {"creditcard": 10 * 3600}}))
        .await
        .unwrap();
    let sim = lab.find(|sim| sim.enabled).await.iccid;
    let empty = SimPatch {
        data_left_mb: Some(0.0),
        ..SimPatch::default()
    };
    lab.control.patch_sim(&sim, &empty).await.unwrap();
    lab.post("/v1/sims/autoTopup", json!({"enabled": true, "iccids": [sim]}))
        .await;
    lab.control.advance_time(9 * 3600).await.unwrap();
    let orders = lab.control.orders().await.unwrap();
    assert_eq!((orders.len(), orders[1].status.as_str()), (2, "IN_PREPARATION"));
    lab.control.advance_time(24 * 3600).await.unwrap();
    assert_eq!(lab.control.orders().await.unwrap().len(), 2, "enough now");
}

#[tokio::test]
async fn an_extension_revives_an_expired_sim() {
    let lab = Lab::free(50).await;
    let sim = lab.find(|sim| sim.enabled && sim.data_left_mb > 150.0).await;
    let body = json!({"iccids": [sim.iccid]});
    assert_eq!(
        lab.post("/v1/sims/extension", body.clone()).await.status,
        400,
        "too early"
    );
    assert_eq!(
        lab.post("/v1/sims/extension", json!({"iccids": []})).await.status,
        400
    );
    lab.control
        .patch_sim(
            &sim.iccid,
            &SimPatch {
                expired: Some(true),
                ..SimPatch::default()
            },
        )
        .await
        .unwrap();
    assert_eq!(
        lab.post("/v1/sims/extension?payment_method=creditcard", body)
            .await
            .status,
        201
    );
    assert!(lab.control.sim(&sim.iccid).await.unwrap().expired, "not paid yet");
    lab.control.advance_time(70).await.unwrap();
    let after = lab.control.sim(&sim.iccid).await.unwrap();
    assert!(!after.expired);
    assert!(
        (after.data_left_mb - sim.data_left_mb - 500.0).abs() < 1e-6,
        "unused volume carries over"
    );
    assert_eq!(lab.get(&format!("/v1/sims/{}", sim.iccid)).await.status, 200);
}

#[tokio::test]
async fn ordered_cards_join_the_fleet_when_they_arrive() {
    let lab = Lab::free(5).await;
    let body = json!({"products": [{"productId": 1001, "quantity": 3}, {"productId": 1003, "quantity": 1}],
        "delivery_address": {"salutation": "2", "first_name": "A", "country": "DE"}, "customer_reference": "PO-7"});
    let reply = lab.post("/v1/orders", body.clone()).await;
    assert_eq!((reply.status, reply.json()), (200, body.clone()), "an echo");
    let order = lab.get("/v1/orders?sort=-order_date").await.json()[0].clone();
    assert_eq!(
        (&order["order_type"], &order["products"][0]),
        (
            &json!("ADDITIONAL_ORDER"),
            &json!({"product_id": 1001, "quantity": 3})
        )
    );
    assert_eq!(order["shipping_address"]["country"], json!("DE"));
    assert_eq!(lab.page(1, 100).await.len(), 5);
    lab.control.advance_time(4 * 86_400).await.unwrap();
    assert_eq!(
        lab.page(1, 100).await.len(),
        5 + 3 + 10,
        "a pack of product 1003 holds ten"
    );
    assert_eq!(lab.post("/v1/orders", json!({"products": []})).await.status, 400);
    assert_eq!(
        lab.post(
            "/v1/orders",
            json!({"products": [{"productId": 7, "quantity": 1}]})
        )
        .await
        .status,
        404
    );
    lab.control.config(&json!({"order_echo": false})).await.unwrap();
    let reply = lab.post("/v1/orders", body).await;
    assert_eq!((reply.status, reply.text.as_str()), (201, ""));
}

#[tokio::test]
async fn orders_come_ten_to_a_page() {
    let lab = Lab::free(5).await;
    for n in 0..12 {
        lab.post_empty(&format!("/v1/sims/{}/topup", iccid(n % 5))).await;
    }
    let first = lab.get("/v1/orders?pageSize=50").await;
    assert_eq!(
        (
            first.json().as_array().unwrap().len(),
            first.number("x-total-count")
        ),
        (10, 13)
    );
    assert_eq!(
        lab.get("/v1/orders?page=2")
            .await
            .json()
            .as_array()
            .unwrap()
            .len(),
        3
    );
    assert_eq!(lab.get("/v1/orders/1").await.status, 404);
}

#[tokio::test]
async fn products_and_support_have_their_published_shapes() {
    let lab = Lab::start(EmulatorConfig::default().with_mode(Mode::Spec).without_limits()).await;
    let products = lab.get("/v1/products").await.json();
    assert_eq!(
        (&products[0]["id"], &products[0]["min_contract_duration"]),
        (&json!(1001), &json!(120))
    );
    assert_eq!(lab.get("/v1/support").await.json(), json!([]));
    for subject in ["first", "second"] {
        let body =
            json!({"replyToMail": "a@example.com", "senderName": "A", "subject": subject, "text": "t"});
        let reply = lab.post("/v1/support", body).await;
        assert_eq!((reply.status, reply.text.as_str()), (201, ""));
    }
    let one = lab.get("/v1/support").await;
    assert_eq!(
        (one.json().as_array().unwrap().len(), one.number("x-total-count")),
        (1, 2)
    );
    let both = lab.get("/v1/support?pageSize=100").await.json();
    assert_eq!(
        (&both[1]["subject"], &both[1]["communications"][0]["type"]),
        (&json!("second"), &json!("PORTAL"))
    );
}
