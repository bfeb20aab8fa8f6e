//! The two API generations and the end of v1 (FACTS §1).

use serde_json::json;

use crate::lab::{Lab, iccid};

#[tokio::test]
async fn v1_can_be_retired_while_orders_survive_or_not() {
    let lab = Lab::free(5).await;
    lab.control.config(&json!({"v1": "retired"})).await.unwrap();
    assert_eq!(lab.get("/v1/sims").await.status, 404);
    assert_eq!(
        lab.post_empty(&format!("/v1/sims/{}/topup", iccid(0)))
            .await
            .status,
        404
    );
    assert_eq!(lab.get("/v2/sims").await.status, 200);
    assert_eq!(lab.get("/v1/orders").await.status, 200);
    lab.control
        .config(&json!({"v1_retired_status": 410, "v1_orders_survive": false}))
        .await
        .unwrap();
    for path in ["/v1/sims", "/v1/orders", "/v1/products", "/v1/support"] {
        assert_eq!(lab.get(path).await.status, 410, "{path}");
    }
    lab.control.config(&json!({"v1": "active"})).await.unwrap();
    assert_eq!(lab.get("/v1/sims").await.status, 200);
    assert!(
        lab.control
            .config(&json!({"v1_retired_status": 200}))
            .await
            .is_err()
    );
}

#[tokio::test]
async fn v2_can_be_absent() {
    let lab = Lab::free(5).await;
    lab.control.config(&json!({"v2": "retired"})).await.unwrap();
    assert_eq!(lab.get("/v2/sims").await.status, 404);
    assert_eq!(lab.get("/v1/sims").await.status, 200);
}

#[tokio::test]
async fn v2_lacks_the_operations_that_no_page_shows() {
    let lab = Lab::free(5).await;
    let sim = iccid(0);
    for path in [
        "/v2/sims/limits".to_owned(),
        "/v2/sims/data/limits".to_owned(),
        "/v2/orders".to_owned(),
        "/v2/products".to_owned(),
    ] {
        assert_eq!(lab.get(&path).await.status, 404, "{path}");
    }
    assert_eq!(lab.post("/v2/sims", json!([])).await.status, 405);
    let reply = lab.get(&format!("/v2/sims/{sim}/usage")).await;
    assert_eq!(
        (reply.status, &reply.json()["error_code"]),
        (404, &json!(1000)),
        "unconfirmed, off by default"
    );
    lab.control.config(&json!({"v2_usage": true})).await.unwrap();
    assert_eq!(lab.get(&format!("/v2/sims/{sim}/usage")).await.status, 200);
}

#[tokio::test]
async fn wrong_methods_and_paths_are_told_apart() {
    let lab = Lab::free(5).await;
    let reply = lab.delete("/v1/sims").await;
    assert_eq!((reply.status, reply.header("allow")), (405, Some("GET, POST")));
    assert_eq!(lab.get("/v1/nothing").await.status, 404);
    assert_eq!(lab.get("/v3/sims").await.status, 404);
}

#[tokio::test]
async fn recorded_answers_carry_the_headers_of_the_edge() {
    let lab = Lab::free(5).await;
    let reply = lab.get("/v1/sims").await;
    assert!(reply.header("x-amzn-requestid").is_some() && reply.header("set-cookie").is_some());
    assert_eq!(
        reply.header("content-type"),
        Some("application/json;charset=UTF-8")
    );
    lab.control.config(&json!({"mode": "spec"})).await.unwrap();
    assert_eq!(
        lab.get("/v1/sims").await.header("content-type"),
        Some("application/json")
    );
}
