//! Connectivity in both shapes (FACTS §6) and limits (FACTS §10).

use once_emulator::{Connectivity, SimPatch};
use serde_json::{Value, json};

use crate::lab::{Lab, iccid};

#[tokio::test]
async fn v1_is_flat_text_and_v2_nested() {
    let lab = Lab::free(50).await;
    let sim = lab.find(|sim| sim.connectivity == Connectivity::Online).await;
    let v1 = lab.get(&format!("/v1/sims/{}/status", sim.iccid)).await.json();
    assert_eq!(v1["status"], json!("ONLINE"));
    assert!(v1["location"]["operator"]["id"].is_i64());
    assert!(
        v1["location"]["country"]["iso_code"].is_string(),
        "recorded spelling"
    );
    assert_eq!(
        v1["location"]["last_updated"].as_str().unwrap().len(),
        19,
        "a space, no zone"
    );
    assert!(
        v1["pdp_context"]
            .as_object()
            .unwrap()
            .iter()
            .all(|(k, v)| k == "rat_type" || v.is_string())
    );
    assert_eq!(v1["pdp_context"]["ue_ip_address"], json!(sim.ip_address));
    let v2 = lab.get(&format!("/v2/sims/{}/status", sim.iccid)).await.json();
    assert_eq!(v2["status"], json!({"description": "ONLINE"}));
    assert!(v2["location"]["operator"]["id"].is_i64());
    assert_eq!(v2["pdp_contexts"].as_array().unwrap().len(), 1);
    lab.control.config(&json!({"mode": "spec"})).await.unwrap();
    let spec = lab.get(&format!("/v1/sims/{}/status", sim.iccid)).await.json();
    assert!(
        spec["location"]["country"]["iso-code"].is_string(),
        "published spelling"
    );
    assert!(spec["location"]["last_updated"].as_str().unwrap().ends_with('Z'));
    assert!(spec["location"]["operator"]["id"].is_string());
}

#[tokio::test]
async fn states_follow_the_network_and_the_switch() {
    let lab = Lab::free(50).await;
    let sim = lab.find(|sim| sim.enabled && sim.imei.is_some()).await.iccid;
    let word = async |lab: &Lab| lab.get(&format!("/v1/sims/{sim}/status")).await.json()["status"].clone();
    for (state, name) in [
        (Connectivity::Attached, "ATTACHED"),
        (Connectivity::Online, "ONLINE"),
        (Connectivity::Offline, "OFFLINE"),
        (Connectivity::Online, "ONLINE"),
    ] {
        let patch = SimPatch {
            connectivity: Some(state),
            ..SimPatch::default()
        };
        lab.control.patch_sim(&sim, &patch).await.unwrap();
        assert_eq!(word(&lab).await, json!(name));
    }
    lab.put(&format!("/v2/sims/{sim}"), json!({"status": "Disabled"}))
        .await;
    let body = lab.get(&format!("/v1/sims/{sim}/status")).await.json();
    assert_eq!(
        (&body["status"], body.get("pdp_context")),
        (&json!("OFFLINE"), None)
    );
}

#[tokio::test]
async fn a_sim_that_never_attached_has_no_location() {
    let lab = Lab::free(300).await;
    let sim = lab.find(|sim| sim.imei.is_none()).await.iccid;
    let body = lab.get(&format!("/v2/sims/{sim}/status")).await.json();
    assert_eq!(
        (&body["status"]["description"], body.get("location")),
        (&json!("OFFLINE"), None)
    );
}

#[tokio::test]
async fn connectivity_info_is_valid_on_legacy_networks_only() {
    let lab = Lab::free(200).await;
    let mut seen = [false; 2];
    for n in 0..60 {
        let truth = lab.control.sim(&iccid(n)).await.unwrap();
        let info = lab
            .get(&format!("/v1/sims/{}/connectivity_info?ussd=true", iccid(n)))
            .await
            .json();
        let success = info["subscriber_info"]["success"].as_bool().unwrap();
        seen[usize::from(success)] = true;
        assert_eq!(info["subscriber_info"].get("location").is_some(), success);
        assert_eq!(info["ussd_info"]["success"], json!(success));
        assert!(!success || truth.connectivity != Connectivity::Offline);
    }
    assert_eq!(seen, [true, true]);
    let quiet = lab
        .get(&format!(
            "/v1/sims/{}/connectivity_info?subscriber=false",
            iccid(0)
        ))
        .await
        .json();
    assert_eq!(
        (quiet.get("subscriber_info"), quiet.get("ussd_info")),
        (None, None)
    );
}

#[tokio::test]
async fn limits_are_set_by_step_ids_and_block_on_v2() {
    let lab = Lab::free(500).await;
    assert_eq!(lab.get("/v1/sims/limits").await.json(), json!({}));
    let steps = lab.get("/v1/sims/data/limits").await.json();
    assert_eq!(steps[0], json!({"id": 1, "limit": "16", "unit": "MB"}));
    assert!(
        lab.get("/v1/sims/smsMO/limits")
            .await
            .json()
            .as_array()
            .unwrap()
            .len()
            > 1
    );
    assert_eq!(lab.get("/v1/sims/voice/limits").await.status, 404);
    let wanted = json!({"dataLimitId": 1, "smsMtLimitId": 2, "smsMoLimitId": 3});
    assert_eq!(lab.post("/v1/sims/limits", wanted).await.status, 201);
    let set = lab.get("/v1/sims/limits").await.json();
    assert_eq!(
        (&set["data"]["limit"], &set["smsMt"]["id"], &set["smsMo"]["unit"]),
        (&json!("16"), &json!(2), &json!("SMS"))
    );
    assert_eq!(
        lab.post("/v1/sims/limits", json!({"dataLimitId": 99}))
            .await
            .status,
        404
    );
    // From the 15th to the 28th: late in a month.
    lab.control.advance_time(13 * 86_400).await.unwrap();
    let mut states = std::collections::BTreeSet::new();
    for n in 0..200 {
        let body = lab.get(&format!("/v2/sims/{}/status", iccid(n))).await.json();
        let reached = body["data_traffic_limit_state"]["description"] == json!("REACHED");
        if reached && lab.control.sim(&iccid(n)).await.unwrap().enabled {
            assert_eq!(body["status"]["description"], json!("BLOCKED"));
        }
        states.insert(reached);
    }
    assert_eq!(states.len(), 2, "some SIMs pass 16 MB a month, most do not");
    lab.control.config(&json!({"mode": "spec"})).await.unwrap();
    let single: Value = lab.get("/v1/sims/smsMT/limits").await.json();
    assert_eq!(single["smsMt"]["unit"], json!("SMS"));
}
