//! Changing SIMs: one, many, reset, transfer, and what expired SIMs refuse (FACTS §5).

use once_emulator::{Connectivity, EmulatorConfig, Mode, SimPatch, SimTruth};
use serde_json::json;

use crate::lab::{Lab, iccid, iccids, today};

#[tokio::test]
async fn put_changes_only_what_is_sent() {
    let lab = Lab::free(50).await;
    lab.control
        .config(&json!({"put_resets_imei_lock": false}))
        .await
        .unwrap();
    let sim = lab
        .find(|sim| sim.enabled && !sim.imei_lock && sim.imei.is_some())
        .await
        .iccid;
    let path = format!("/v1/sims/{sim}");
    let reply = lab
        .put(&path, json!({"iccid": sim, "label": "door 4", "imei_lock": true}))
        .await;
    assert_eq!((reply.status, reply.text.as_str()), (200, ""));
    let truth = lab.control.sim(&sim).await.unwrap();
    assert_eq!(
        (truth.label.as_deref(), truth.imei_lock, truth.enabled),
        (Some("door 4"), true, true)
    );
    assert_eq!(
        lab.put(&path, json!({})).await.status,
        200,
        "an empty object was accepted"
    );
    lab.put(&path, json!({"status": "Disabled"})).await;
    let truth = lab.control.sim(&sim).await.unwrap();
    assert_eq!(
        (truth.enabled, truth.label.as_deref(), truth.imei_lock),
        (false, Some("door 4"), true)
    );
    assert_eq!(lab.put(&path, json!({"status": "Broken"})).await.status, 400);
    assert_eq!(
        lab.put("/v2/sims/8988280666000000999", json!({"label": "x"}))
            .await
            .status,
        404
    );
    lab.control
        .config(&json!({"put_resets_imei_lock": true}))
        .await
        .unwrap();
    lab.put(&path, json!({"label": ""})).await;
    let truth = lab.control.sim(&sim).await.unwrap();
    assert_eq!((truth.label, truth.imei_lock), (None, false));
}

#[tokio::test]
async fn the_specification_requires_iccid_and_status_in_v1_only() {
    let lab = Lab::start(EmulatorConfig::default().with_mode(Mode::Spec)).await;
    let sim = iccid(0);
    assert_eq!(
        lab.put(&format!("/v1/sims/{sim}"), json!({"label": "x"}))
            .await
            .status,
        400
    );
    assert_eq!(
        lab.put(
            &format!("/v1/sims/{sim}"),
            json!({"iccid": sim, "status": "Enabled"})
        )
        .await
        .status,
        200
    );
    assert_eq!(
        lab.put(&format!("/v2/sims/{sim}"), json!({"label": "x"}))
            .await
            .status,
        200
    );
    assert_eq!(
        lab.put(&format!("/v2/sims/{sim}"), json!({"label": null}))
            .await
            .status,
        400
    );
}

#[tokio::test]
async fn a_bulk_update_is_accepted_first_and_happens_later() {
    let lab = Lab::free(20).await;
    lab.control
        .config(&json!({"async_delay_seconds": 3600}))
        .await
        .unwrap();
    let items = json!([{"iccid": iccid(1), "label": "a"}, {"iccid": iccid(2), "label": "b"}, {"iccid": "1"}]);
    let reply = lab.post("/v1/sims", items).await;
    assert_eq!((reply.status, reply.text.as_str()), (201, ""));
    assert_ne!(
        lab.control.sim(&iccid(1)).await.unwrap().label.as_deref(),
        Some("a")
    );
    assert_eq!(
        lab.control.stats().await.unwrap().customers[crate::lab::ID].queued,
        2
    );
    lab.control.advance_time(3600).await.unwrap();
    assert_eq!(
        lab.control.sim(&iccid(1)).await.unwrap().label.as_deref(),
        Some("a")
    );
    assert_eq!(
        lab.control.sim(&iccid(2)).await.unwrap().label.as_deref(),
        Some("b")
    );
    assert_eq!(
        lab.control.stats().await.unwrap().customers[crate::lab::ID].carried_out,
        2
    );
    assert_eq!(lab.post("/v1/sims", json!([])).await.status, 201);
    assert_eq!(
        lab.post("/v2/sims", json!([])).await.status,
        405,
        "no bulk update in v2"
    );
}

#[tokio::test]
async fn switching_off_and_on_writes_events() {
    let lab = Lab::free(50).await;
    let sim = lab.find(|sim| sim.enabled).await.iccid;
    lab.put(&format!("/v2/sims/{sim}"), json!({"status": "Disabled"}))
        .await;
    lab.put(&format!("/v2/sims/{sim}"), json!({"status": "Enabled"}))
        .await;
    let events = lab
        .get(&format!("/v2/sims/{sim}/events?pageSize=1000"))
        .await
        .json();
    let kinds: Vec<_> = events
        .as_array()
        .unwrap()
        .iter()
        .map(|e| e["event_type"]["id"].as_u64().unwrap())
        .collect();
    assert!(
        kinds.contains(&8) && kinds.contains(&9) && kinds.contains(&15),
        "{kinds:?}"
    );
    let v1 = lab.get(&format!("/v1/sims/{sim}/events?pageSize=1000")).await;
    let events = v1.json()["events"].as_array().unwrap().clone();
    assert!(
        events
            .iter()
            .any(|e| e["event_type"] == json!("Status of SIM changed from 'Activated' to 'Suspended'"))
    );
    assert!(events.iter().all(|e| e.get("id").is_none()));
}

#[tokio::test]
async fn a_reset_is_queued_and_purges_the_location() {
    let lab = Lab::free(50).await;
    let sim = lab.find(|sim| sim.enabled).await.iccid;
    assert_eq!(lab.post_empty(&format!("/v1/sims/{sim}/reset")).await.status, 201);
    lab.control.advance_time(70).await.unwrap();
    let events = lab
        .get(&format!("/v2/sims/{sim}/events?pageSize=1000"))
        .await
        .json();
    assert!(
        events
            .as_array()
            .unwrap()
            .iter()
            .any(|e| e["event_type"]["id"] == json!(16))
    );
}

#[tokio::test]
async fn expired_sims_are_refused() {
    let lab = Lab::free(50).await;
    let sim = lab.find(|sim| sim.enabled).await.iccid;
    lab.control
        .patch_sim(
            &sim,
            &SimPatch {
                expired: Some(true),
                ..SimPatch::default()
            },
        )
        .await
        .unwrap();
    for path in ["", "/status", "/usage", "/quota/data", "/events", "/sms"] {
        assert_eq!(
            lab.get(&format!("/v1/sims/{sim}{path}")).await.status,
            422,
            "{path}"
        );
    }
    assert_eq!(
        lab.put(&format!("/v1/sims/{sim}"), json!({"label": "x"}))
            .await
            .status,
        422
    );
    assert_eq!(
        lab.post("/v1/sims", json!([{"iccid": sim, "label": "x"}]))
            .await
            .status,
        422
    );
    assert_eq!(lab.post_empty(&format!("/v1/sims/{sim}/topup")).await.status, 422);
    assert_eq!(
        lab.put(&format!("/v2/sims/{sim}"), json!({"label": "x"}))
            .await
            .status,
        409
    );
    assert_eq!(
        lab.get(&format!("/v2/sims/{sim}/quota/data")).await.json()["status"]["id"],
        json!(2)
    );
    let list = lab.get("/v1/sims?pageSize=100").await.json();
    let listed = list
        .as_array()
        .unwrap()
        .iter()
        .find(|s| s["iccid"] == json!(sim))
        .unwrap();
    assert_eq!(listed["status"], json!("Expired"));
}

#[tokio::test]
async fn a_transfer_moves_sims_to_another_customer_with_a_new_address() {
    let config = EmulatorConfig::default()
        .with_fleet(10)
        .without_limits()
        .with_customer("990002_other", "s2")
        .with_settings(|s| s.async_delay_seconds = 60);
    let mut lab = Lab::start(config).await;
    let old = lab.control.sim(&iccid(4)).await.unwrap();
    let body = json!({"target_organisation": 990002, "iccids": [iccid(4)],
        "iccid_ranges": [{"from": iccid(6), "to": iccid(7)}]});
    assert_eq!(lab.post("/v1/sims/simTransfer", body).await.status, 201);
    assert_eq!(
        lab.control.sim(&iccid(4)).await.unwrap().customer,
        "990001_simward",
        "queued only"
    );
    lab.control.advance_time(70).await.unwrap();
    for n in [4, 6, 7] {
        assert_eq!(lab.control.sim(&iccid(n)).await.unwrap().customer, "990002_other");
    }
    let new = lab.control.sim(&iccid(4)).await.unwrap();
    assert_ne!(new.ip_address, old.ip_address);
    assert_eq!(lab.page(1, 100).await.len(), 7);
    assert_eq!(
        lab.post_empty(&format!("/v1/sims/{}/topup", iccid(4)))
            .await
            .status,
        403,
        "not your SIM"
    );
    for (path, body) in [
        ("/v1/sims/topup", json!([iccid(0), iccid(4)])),
        (
            "/v1/sims/autoTopup",
            json!({"enabled": true, "iccids": [iccid(4)]}),
        ),
    ] {
        assert_eq!(lab.post(path, body).await.status, 403, "{path}");
    }
    lab.token = lab.login("990002_other", "s2").await;
    assert_eq!(lab.page(1, 100).await.len(), 13);
    assert_eq!(
        iccids(
            &lab.get(&format!("/v1/sims?q=ip_address:{}", new.ip_address))
                .await
                .json()
        ),
        [iccid(4)]
    );
    let nowhere = json!({"target_organisation": 1, "iccids": [iccid(4)]});
    assert_eq!(lab.post("/v1/sims/simTransfer", nowhere).await.status, 404);
}

#[tokio::test]
async fn a_message_on_its_way_is_billed_to_the_new_owner_of_its_sim() {
    let config = EmulatorConfig::default()
        .with_fleet(50)
        .without_limits()
        .with_customer("990002_other", "s2")
        .with_settings(|s| {
            s.async_delay_seconds = 60;
            s.sms_delivery_seconds = 120;
        });
    let mut lab = Lab::start(config).await;
    let reachable =
        |sim: &SimTruth| sim.enabled && sim.sms_left > 10 && sim.connectivity != Connectivity::Offline;
    let sim = lab.find(reachable).await;
    lab.post(&format!("/v2/sims/{}/sms", sim.iccid), json!({"payload": "x"}))
        .await;
    let body = json!({"target_organisation": 990002, "iccids": [sim.iccid]});
    assert_eq!(lab.post("/v1/sims/simTransfer", body).await.status, 201);
    // One jump over both: the transfer comes first.
    lab.control.advance_time(130).await.unwrap();
    let truth = lab.control.sim(&sim.iccid).await.unwrap();
    assert_eq!(truth.customer, "990002_other");
    assert!(truth.sms_left < sim.sms_left);
    lab.token = lab.login("990002_other", "s2").await;
    let yesterday = today() - chrono::Days::new(1);
    let path = format!("/v1/sims/{}/usage?start_dt={yesterday}", sim.iccid);
    let usage = lab.get(&path).await.json();
    let total = usage["stats"].as_array().unwrap().last().unwrap();
    assert_eq!(total["sms"]["volume_tx"], json!("1"), "billed once");
    let stats = lab.control.stats().await.unwrap();
    assert_eq!(
        stats.customers["990001_simward"].changed_sims, 0,
        "nothing left behind"
    );
}

#[tokio::test]
async fn without_a_target_sims_go_to_the_parent_and_sub_organisations_do_not_deal_with_each_other() {
    let config = EmulatorConfig::default()
        .with_fleet(3)
        .without_limits()
        .with_customer("990002_child", "s2")
        .with_customer("990003_child", "s3")
        .with_settings(|s| s.async_delay_seconds = 60);
    let mut lab = Lab::start(config).await;
    let parentless = lab
        .post("/v1/sims/simTransfer", json!({"iccids": [iccid(0)]}))
        .await;
    assert_eq!(parentless.status, 400);
    lab.token = lab.login("990002_child", "s2").await;
    let own = lab.page(1, 10).await;
    let sibling = json!({"target_organisation": 990003, "iccids": [own[0]]});
    assert_eq!(lab.post("/v2/sims/simTransfer", sibling).await.status, 403);

    let reply = lab
        .post("/v1/sims/simTransfer", json!({"iccids": [own[0]]}))
        .await;
    lab.control.advance_time(60).await.unwrap();

    assert_eq!(reply.status, 201);
    assert_eq!(lab.control.sim(&own[0]).await.unwrap().customer, "990001_simward");
}

#[tokio::test]
async fn a_put_takes_the_words_of_the_single_get_where_they_were_recorded() {
    let lab = Lab::free(20).await;
    let sim = lab.find(|sim| sim.enabled).await.iccid;
    let path = format!("/v1/sims/{sim}");
    for (word, enabled) in [("Deactivated", false), ("Activated", true)] {
        let update = json!({"iccid": sim, "status": word});
        assert_eq!(lab.put(&path, update).await.status, 200);
        assert_eq!(lab.control.sim(&sim).await.unwrap().enabled, enabled);
    }
    lab.control.config(&json!({"mode": "spec"})).await.unwrap();
    let update = json!({"iccid": sim, "status": "Activated"});
    assert_eq!(lab.put(&path, update).await.status, 400);
}
