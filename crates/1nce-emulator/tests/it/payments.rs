//! Payments that fail. The words of failed orders are assumptions.

use serde_json::json;

use crate::lab::{Lab, iccid};

async fn outcome(lab: &Lab, method: &str, outcome: &str) {
    let settings = json!({"payment_outcomes": {method: outcome}});
    lab.control.config(&settings).await.unwrap();
}

#[tokio::test]
async fn a_failed_payment_brings_nothing() {
    let lab = Lab::free(5).await;
    let path = format!("/v1/sims/{}/topup?payment_method=creditcard", iccid(0));
    for (word, status) in [("declined", "PAYMENT_DECLINED"), ("cancelled", "CANCELLED")] {
        outcome(&lab, "creditcard", word).await;
        assert_eq!(lab.post(&path, json!({})).await.status, 201, "accepted first");
        lab.control.advance_time(70).await.unwrap();
        let order = lab.control.orders().await.unwrap().pop().unwrap();
        assert_eq!(order.status, status);
        let shown = lab.get(&format!("/v1/orders/{}", order.number)).await.json();
        assert_eq!(shown["order_status"], json!(status));
        let sim = lab.control.sim(&iccid(0)).await.unwrap();
        assert_eq!(sim.data_granted_mb, 500.0, "{word}");
    }
    let other = format!("/v1/sims/{}/topup?payment_method=monthlyinvoice", iccid(0));
    lab.post(&other, json!({})).await;
    lab.control.advance_time(70).await.unwrap();
    assert_eq!(
        lab.control.sim(&iccid(0)).await.unwrap().data_granted_mb,
        1000.0,
        "another method works"
    );
}

#[tokio::test]
async fn a_refused_payment_orders_nothing() {
    let lab = Lab::free(50).await;
    outcome(&lab, "creditcard", "refused").await;
    let sim = lab.find(|sim| sim.enabled).await.iccid;
    let path = format!("/v2/sims/{sim}/topup?payment_method=creditcard");
    let reply = lab.post(&path, json!({})).await;
    assert_eq!(
        (reply.status, reply.json()),
        (400, json!({"message": "Payment was refused."}))
    );
    let empty = once_emulator::SimPatch {
        data_left_mb: Some(0.0),
        ..Default::default()
    };
    lab.control.patch_sim(&sim, &empty).await.unwrap();
    lab.post("/v1/sims/autoTopup", json!({"enabled": true, "iccids": [sim]}))
        .await;
    lab.control.advance_time(5 * 3600).await.unwrap();
    assert_eq!(
        lab.control.orders().await.unwrap().len(),
        1,
        "nor by an automatic top-up"
    );
}

#[tokio::test]
async fn ordered_cards_may_never_come() {
    let lab = Lab::free(5).await;
    let body = json!({"products": [{"productId": 1001, "quantity": 3}]});
    outcome(&lab, "cards", "cancelled").await;
    assert_eq!(lab.post("/v1/orders", body.clone()).await.status, 200);
    lab.control.advance_time(10 * 86_400).await.unwrap();
    let order = lab.control.orders().await.unwrap().pop().unwrap();
    assert_eq!(order.status, "CANCELLED");
    assert_eq!(lab.page(1, 100).await.len(), 5);
    outcome(&lab, "cards", "refused").await;
    assert_eq!(lab.post("/v1/orders", body).await.status, 400);
    assert_eq!(lab.control.orders().await.unwrap().len(), 2);
}
