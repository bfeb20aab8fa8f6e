//! Calls that v2 documents on pages only, each of which an account may lack (FACTS-2026-11 U1, U2).

use once_emulator::{EmulatorConfig, SimPatch};
use serde_json::{Value, json};

use crate::lab::{Lab, iccid, today};

fn expired() -> SimPatch {
    SimPatch {
        expired: Some(true),
        ..SimPatch::default()
    }
}

#[tokio::test]
async fn v2_does_the_five_documented_calls() {
    let config = EmulatorConfig::default()
        .with_fleet(20)
        .without_limits()
        .with_customer("990002_other", "s2")
        .with_settings(|s| s.async_delay_seconds = 60);
    let lab = Lab::start(config).await;
    lab.control.patch_sim(&iccid(2), &expired()).await.unwrap();

    let topup = lab
        .post(
            "/v2/sims/topup?payment_method=boleto",
            json!([iccid(0), iccid(1)]),
        )
        .await;
    assert_eq!(topup.status, 201);
    assert!(
        topup
            .header("location")
            .unwrap()
            .contains("/management-api/v2/orders/")
    );
    for (path, body) in [
        ("/v2/sims/extension", json!({"iccids": [iccid(2)]})),
        (
            "/v2/sims/autoTopup",
            json!({"enabled": true, "iccids": [iccid(3)]}),
        ),
        (
            "/v2/sims/simTransfer",
            json!({"target_organisation": 990002, "iccids": [iccid(4)]}),
        ),
    ] {
        let reply = lab.post(path, body).await;
        assert_eq!((reply.status, reply.text.as_str()), (201, ""), "{path}");
    }
    let info = lab.get(&format!("/v2/sims/{}/connectivity_info", iccid(0))).await;
    assert!(info.json()["subscriber_info"]["success"].is_boolean());

    lab.control.advance_time(60).await.unwrap();
    let kinds: Vec<String> = lab
        .control
        .orders()
        .await
        .unwrap()
        .into_iter()
        .map(|order| order.kind)
        .collect();
    assert_eq!(kinds, ["FIRST_ORDER", "BULK_TOPUP", "TARIFF_CHANGE"]);
    assert!(lab.control.sim(&iccid(3)).await.unwrap().auto_topup);
    assert_eq!(lab.control.sim(&iccid(4)).await.unwrap().customer, "990002_other");
}

#[tokio::test]
async fn v2_refuses_an_expired_sim_in_its_own_words() {
    let lab = Lab::free(5).await;
    lab.control.patch_sim(&iccid(2), &expired()).await.unwrap();
    for (path, body) in [
        ("/v2/sims/topup", json!([iccid(2)])),
        (
            "/v2/sims/autoTopup",
            json!({"enabled": true, "iccids": [iccid(2)]}),
        ),
        ("/v2/sims/simTransfer", json!({"iccids": [iccid(2)]})),
    ] {
        let refused = lab.post(path, body).await;
        let body = refused.json();
        assert_eq!((refused.status, &body["error_token"]), (409, &json!("Conflict")));
    }
}

#[tokio::test]
async fn every_path_of_v2_has_its_switch() {
    let lab = Lab::free(5).await;
    let info = format!("/v2/sims/{}/connectivity_info", iccid(0));
    for (switch, method, path) in [
        ("sim_transfer", "POST", "/v2/sims/simTransfer"),
        ("extension", "POST", "/v2/sims/extension"),
        ("bulk_topup", "POST", "/v2/sims/topup"),
        ("auto_topup", "POST", "/v2/sims/autoTopup"),
        ("connectivity_info", "GET", info.as_str()),
        ("bulk_update", "POST", "/v2/sims"),
        ("limits", "GET", "/v2/sims/limits"),
        ("limits", "GET", "/v2/sims/data/limits"),
    ] {
        for (on, there) in [(false, false), (true, true)] {
            lab.control
                .config(&json!({"v2_paths": {switch: on}}))
                .await
                .unwrap();
            let reply = match method {
                "GET" => lab.get(path).await,
                // Nonsense: a call that is there says so.
                _ => lab.post(path, json!("nonsense")).await,
            };
            let missing = [404, 405].contains(&reply.status);
            assert_eq!(missing, !there, "{path} {on}: {} {}", reply.status, reply.text);
            if missing {
                assert_eq!(reply.json()["error_code"], json!(1000));
            }
        }
    }
    assert_eq!(
        lab.post("/v2/sims", json!([{"iccid": iccid(0), "label": "x"}]))
            .await
            .status,
        201
    );
}

#[tokio::test]
async fn v2_usage_may_have_a_shape_of_its_own() {
    let lab = Lab::free(50).await;
    let sim = crate::quota::busy_sim(&lab).await.iccid;
    let day = |n: u64| today() - chrono::Days::new(n);
    let path = |version| {
        format!(
            "/{version}/sims/{sim}/usage?start_dt={}&end_dt={}",
            day(7),
            day(1)
        )
    };
    lab.control
        .config(&json!({"v2_usage": true, "v2_usage_shape": "daily"}))
        .await
        .unwrap();
    let rows = lab.get(&path("v2")).await.json();
    let rows = rows.as_array().expect("a bare array");
    let dates: Vec<&str> = rows.iter().map(|row| row["date"].as_str().unwrap()).collect();
    let expected: Vec<String> = (1..=7).rev().map(|n| day(n).to_string()).collect();
    assert_eq!(dates, expected, "oldest first, without a sum");
    let volume = |row: &Value, part: &str| row["data"]["volume"][part].as_f64().expect("a number");
    assert!(rows.iter().any(|row| volume(row, "total") > 0.0));
    for row in rows {
        let parts = volume(row, "tx") + volume(row, "rx");
        assert!((parts - volume(row, "total")).abs() < 1e-9);
        assert!(row["sms"]["volume"]["total"].is_u64());
    }
    assert!(
        lab.get(&path("v1")).await.json()["stats"].is_array(),
        "v1 stays as it is"
    );
}
