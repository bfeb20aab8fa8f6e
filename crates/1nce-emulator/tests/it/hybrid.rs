//! Hybrid accounts: newer SIMs exist in v2 only (FACTS §1).

use serde_json::json;

use crate::lab::{Lab, iccid, iccids};

async fn hybrid() -> Lab {
    let lab = Lab::free(30).await;
    lab.control.config(&json!({"v2_only_from": 20})).await.unwrap();
    lab
}

#[tokio::test]
async fn v1_lists_the_old_sims_and_v2_all() {
    let lab = hybrid().await;
    for (version, total) in [("v1", 20), ("v2", 30)] {
        let reply = lab.get(&format!("/{version}/sims?pageSize=100")).await;
        assert_eq!(reply.number("x-total-count"), total, "{version}");
        assert_eq!(
            iccids(&reply.json()),
            (0..total as u32).map(iccid).collect::<Vec<_>>()
        );
    }
    let last = lab.get("/v1/sims?page=2&pageSize=15&sort=ip_address").await;
    assert_eq!(iccids(&last.json()).len(), 5);
    let address = lab.control.sim(&iccid(25)).await.unwrap().ip_address;
    for (version, found) in [("v1", 0), ("v2", 1)] {
        let path = format!("/{version}/sims?q=ip_address:{address}");
        assert_eq!(iccids(&lab.get(&path).await.json()).len(), found, "{version}");
    }
}

#[tokio::test]
async fn v1_knows_a_new_sim_in_no_call() {
    let lab = hybrid().await;
    let new = iccid(25);
    assert_eq!(
        lab.get(&format!("/v1/sims/{new}")).await.text,
        "",
        "the empty 200 of an unknown one"
    );
    assert_eq!(lab.get(&format!("/v1/sims/{new}/status")).await.status, 404);
    for (path, body) in [
        ("/v1/sims/topup", json!([new])),
        ("/v1/sims/extension", json!({"iccids": [new]})),
        ("/v1/sims/autoTopup", json!({"enabled": true, "iccids": [new]})),
        (
            "/v1/sims/simTransfer",
            json!({"target_organisation": 1, "iccids": [new]}),
        ),
    ] {
        assert_eq!(lab.post(path, body).await.status, 404, "{path}");
    }
    let update = json!([{"iccid": new, "label": "swallowed"}]);
    assert_eq!(lab.post("/v1/sims", update).await.status, 201);
    lab.control.advance_time(60).await.unwrap();
    assert_ne!(
        lab.control.sim(&new).await.unwrap().label.as_deref(),
        Some("swallowed")
    );
    assert_eq!(lab.get(&format!("/v2/sims/{new}")).await.status, 200);
    assert_eq!(lab.post("/v2/sims/topup", json!([new])).await.status, 201);
}
