//! Refusals of single SIMs, of busy ones, and of calls that ask for too much.

use once_emulator::SimPatch;
use serde_json::json;

use crate::lab::{Lab, iccid};

#[tokio::test]
async fn one_sim_spoils_a_call_for_many() {
    let lab = Lab::free(10).await;
    let broken = |change, read| SimPatch {
        change_status: Some(change),
        read_status: Some(read),
        ..SimPatch::default()
    };
    lab.control.patch_sim(&iccid(3), &broken(409, 503)).await.unwrap();
    let both = json!([iccid(2), iccid(3)]);
    for (path, body) in [
        ("/v1/sims/topup", both.clone()),
        ("/v2/sims/autoTopup", json!({"enabled": true, "iccids": both})),
        ("/v2/sims/extension", json!({"iccids": [iccid(3)]})),
        ("/v1/sims", json!([{"iccid": iccid(3), "label": "x"}])),
        ("/v1/sims/simTransfer", json!({"iccids": both})),
    ] {
        let status = lab.post(path, body).await.status;
        let expected = if path.ends_with("extension") {
            [400, 409]
        } else {
            [409; 2]
        };
        assert!(expected.contains(&status), "{path} {status}");
    }
    let put = lab
        .put(&format!("/v2/sims/{}", iccid(3)), json!({"label": "x"}))
        .await;
    assert_eq!(
        (put.status, &put.json()["error_token"]),
        (409, &json!("Conflict"))
    );
    assert_eq!(
        lab.get(&format!("/v2/sims/{}/quota/data", iccid(3))).await.status,
        503
    );
    assert_eq!(
        lab.control.orders().await.unwrap().len(),
        1,
        "nothing was ordered"
    );
    assert_eq!(
        lab.get("/v2/sims").await.status,
        200,
        "the list is no reading of it"
    );

    lab.control.patch_sim(&iccid(3), &broken(0, 0)).await.unwrap();
    assert_eq!(lab.post("/v1/sims/topup", json!([iccid(3)])).await.status, 201);
    assert_eq!(lab.get(&format!("/v2/sims/{}", iccid(3))).await.status, 200);
    assert!(lab.control.patch_sim(&iccid(3), &broken(200, 0)).await.is_err());
}

#[tokio::test]
async fn a_sim_with_a_queued_change_is_busy_in_v2() {
    let lab = Lab::free(50).await;
    let sim = lab.find(|sim| sim.enabled).await.iccid;
    let reset = format!("/v2/sims/{sim}/reset");
    assert_eq!(lab.post_empty(&reset).await.status, 201);
    assert_eq!(lab.post_empty(&reset).await.status, 409);
    let label = json!({"label": "x"});
    assert_eq!(
        lab.put(&format!("/v2/sims/{sim}"), label.clone()).await.status,
        409
    );
    assert_eq!(
        lab.put(&format!("/v1/sims/{sim}"), label).await.status,
        200,
        "v1 declares no 409"
    );
    lab.control.advance_time(60).await.unwrap();
    assert_eq!(lab.post_empty(&reset).await.status, 201);
    lab.control
        .config(&json!({"busy_conflicts": false}))
        .await
        .unwrap();
    assert_eq!(lab.post_empty(&reset).await.status, 201);
}

#[tokio::test]
async fn bulk_calls_and_labels_have_an_end() {
    let lab = Lab::free(150).await;
    let many: Vec<String> = (0..101).map(iccid).collect();
    let updates: Vec<_> = many
        .iter()
        .map(|sim| json!({"iccid": sim, "label": "x"}))
        .collect();
    for (path, body) in [
        ("/v1/sims", json!(updates)),
        ("/v1/sims/topup", json!(many)),
        ("/v2/sims/topup", json!(many)),
        ("/v1/sims/autoTopup", json!({"enabled": true, "iccids": many})),
        ("/v1/sims/extension", json!({"iccids": many})),
        ("/v1/sims/simTransfer", json!({"iccids": many})),
    ] {
        assert_eq!(lab.post(path, body).await.status, 400, "{path}");
    }
    assert_eq!(lab.post("/v1/sims/topup", json!(many[..100])).await.status, 201);
    let path = format!("/v2/sims/{}", iccid(0));
    for (length, status) in [(255, 200), (256, 400)] {
        let label = "ü".repeat(length);
        assert_eq!(lab.put(&path, json!({"label": label})).await.status, status);
    }
    lab.control
        .config(&json!({"max_bulk_sims": 200, "max_label_chars": 300}))
        .await
        .unwrap();
    assert_eq!(lab.post("/v1/sims/topup", json!(many)).await.status, 201);
    assert_eq!(
        lab.put(&path, json!({"label": "x".repeat(300)})).await.status,
        200
    );
}
